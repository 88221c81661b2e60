"""The portraits of owners: uploaded, listed, renamed, deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from livehead.avatars import Avatar
from livehead.core.portrait_check import Crop
from livehead.errors import NotConfiguredError, StoreDownError, TooManyPortraitsError
from livehead.image_decoding import check_file
from livehead.store.objects.threads import StorageThreads
from livehead.store.portraits.decoding import PortraitDecoder
from livehead.store.portraits.library import IMAGE, THUMBNAIL, PortraitLibrary
from livehead.store.portraits.messages import SentCheck, SentCrop
from livehead.store.portraits.preparation import Inspection
from livehead.store.portraits.record import PortraitRecord, given_for, portrait_id, read_name


class Portraits:
    """All of them, by id. ``most`` is how many an owner may have; 0 takes no uploads.

    Making one reads the storage: do it before the event loop runs, or in a thread. :meth:`list` and :meth:`find` touch
    no file, and know what :meth:`refresh` found last; the others ask the storage in a thread. What changes something is
    done one after the other.
    """

    def __init__(
        self,
        library: PortraitLibrary,
        threads: StorageThreads,
        decoder: PortraitDecoder,
        most: int,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._library = library
        self._threads = threads
        self._decoder = decoder
        self.most = most
        self._now = now or (lambda: datetime.now(UTC))
        library.sweep()
        self._records = {record.id: record for record in library.load()}
        self._changing = asyncio.Lock()
        self._refreshing = asyncio.Lock()

    async def refresh(self, avatar_id: str | None = None) -> None:
        """Look what the storage has of one, or of all, which other servers may have changed. What is known is used on
        where it does not answer. Raises StoreError."""
        if avatar_id is None:
            async with self._refreshing:
                self._records = {record.id: record for record in await self._threads.run(self._library.load)}
            return
        try:
            record = await self._threads.run(self._library.get, avatar_id)
        except StoreDownError:
            if avatar_id not in self._records:
                raise
            return
        if record is not None:
            self._records[avatar_id] = record
        else:
            self._records.pop(avatar_id, None)

    def list(self, owner: str) -> list[Avatar]:
        """The owner's, the oldest first."""
        return [self._avatar(record) for record in self._records.values() if record.owner == owner]

    def find(self, avatar_id: str, owner: str) -> Avatar | None:
        """None for one that is not there, or another owner's."""
        record = self._records.get(avatar_id)
        return None if record is None or record.owner != owner else self._avatar(record)

    def record(self, avatar_id: str, owner: str) -> PortraitRecord | None:
        """What is kept beside the image."""
        record = self._records.get(avatar_id)
        return None if record is None or record.owner != owner else record

    async def inspect(self, data: bytes, crop: Crop | None) -> Inspection:
        """What there is to say of a picture, which is kept nowhere. Raises as :meth:`check_open`, and what
        :meth:`PortraitDecoder.inspect` raises."""
        self.check_open()
        return await self._decoder.inspect(data, crop)

    async def add(self, data: bytes, name: str | None, crop: Crop | None, owner: str) -> PortraitRecord:
        """Make and keep a portrait, with the consent of whoever uploads it. The same picture again is the same
        portrait, with the newer name.

        Raises as :meth:`check_open`, what :meth:`PortraitDecoder.prepare` and :meth:`PortraitLibrary.add` raise, and
        TooManyPortraitsError.
        """
        self.check_open()
        check_file(data)
        await self._threads.run(self._library.check_room)
        prepared = await self._decoder.prepare(data, crop)
        consent = await asyncio.to_thread(given_for, data, owner, self._now())
        async with self._changing:
            identity = portrait_id(owner, prepared.digest)
            await self.refresh()
            known = self._records.get(identity)
            if known is None:
                self._check_number(owner, self.most - 1)
            record = PortraitRecord(
                id=identity,
                owner=owner,
                name=read_name(name, "Portrait" if known is None else known.name),
                width=prepared.side,
                height=prepared.side,
                crop=SentCrop.of(prepared.crop),
                check=SentCheck.of(prepared.check),
                consent=consent,
            )
            if known is None or not await self._threads.run(self._library.rewrite, record):
                await self._threads.run(self._library.add, record, prepared)
            self._records[identity] = record
            if known is None:
                await self._check_again(record)
        return record

    async def rename(self, avatar_id: str, owner: str, name: str) -> bool:
        """False for one that is not there, or another owner's. Raises DiskFullError and StoreError."""
        async with self._changing:
            await self.refresh(avatar_id)
            record = self.record(avatar_id, owner)
            if record is None:
                return False
            record = record.renamed(read_name(name))
            if not await self._threads.run(self._library.rewrite, record):
                return False
            self._records[avatar_id] = record
        return True

    async def delete(self, avatar_id: str, owner: str) -> bool:
        """False for one that is not there, or another owner's. A session that shows it goes on. Raises StoreError."""
        async with self._changing:
            await self.refresh(avatar_id)
            if self.record(avatar_id, owner) is None:
                return False
            await self._threads.run(self._library.remove, avatar_id)
            self._records.pop(avatar_id, None)
        return True

    async def close(self) -> None:
        """End what is being decoded. May be called twice."""
        await self._decoder.close()

    def check_open(self) -> None:
        """Raises NotConfiguredError where this server takes no portraits."""
        if self.most == 0:
            raise NotConfiguredError(
                "This server takes no portraits. Whoever runs it may allow them with LIVEHEAD_MAX_PORTRAITS."
            )

    async def _check_again(self, record: PortraitRecord) -> None:
        """Of several servers that took one in at the same time each counts when all are there."""
        await self.refresh()
        try:
            self._check_number(record.owner, self.most)
        except TooManyPortraitsError:
            await self._threads.run(self._library.remove, record.id)
            self._records.pop(record.id, None)
            raise

    def _check_number(self, owner: str, most: int) -> None:
        if sum(record.owner == owner for record in self._records.values()) > most:
            raise TooManyPortraitsError(
                f"There are {self.most} portraits, which is the most that are kept. Delete one first."
            )

    def _avatar(self, record: PortraitRecord) -> Avatar:
        return Avatar(
            id=record.id,
            name=record.name,
            width=record.width,
            height=record.height,
            path=Path(IMAGE),
            media_type="image/webp",
            builtin=False,
            version=record.id,
            check=record.check.to_check(record.crop.to_crop()),
            load=partial(self._library.read, record.id, IMAGE),
            load_thumbnail=partial(self._library.read, record.id, THUMBNAIL),
        )
