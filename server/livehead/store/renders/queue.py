"""The queue of renders in the storage: what is asked for outlives the server, and any server may make it.

``renders/ID.json`` describes a render; below ``renders/ID/`` are its audio, the portrait that came with it, and in the
end its film. A server that makes one says so in the record, and counts a beat every few seconds; where the beats stay
away for :data:`LEASE_S`, by the clock of whoever looks, or the server is known to have ended, another one may begin it.
A record is only ever changed from the version that was read, so that of two servers who want one only the first has it.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Set
from contextlib import asynccontextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from livehead.core.ids import new_id
from livehead.errors import LiveheadError, StoreError
from livehead.files.room import check_room
from livehead.files.whole import scratch_folder, sweep
from livehead.store.objects.base import ObjectStore
from livehead.store.objects.records import Records
from livehead.store.objects.threads import StorageThreads
from livehead.store.renders.former_table import TABLE, hold_lock, take_over
from livehead.store.renders.record import RenderRecord, RenderState

FOLDER = "renders"

AUDIO = "audio.wav"
PORTRAIT = "portrait.webp"
FILM = "film.mp4"

LEASE_S = 15.0
BEAT_S = 3.0

ATTEMPTS = 20
"""To change a record that others change at the same time."""

ORPHAN_S = 3600.0
"""Files without a record are of a server that was killed, or that has not written the record yet."""

_FIELDS = tuple(field.name for field in fields(RenderRecord))

logger = logging.getLogger(__name__)


class RenderQueue:
    """An async context manager. Nothing is written, and no folder made, before the first render is asked for.

    What cannot be opened when the server starts is said in the log, and by every method as an error. ``server`` is the
    name that this one makes renders under. All methods raise StoreError and DiskFullError.
    """

    def __init__(
        self,
        objects: ObjectStore,
        threads: StorageThreads,
        scratch: Path,
        *,
        min_free_mb: int,
        kept_s: float,
        lease_s: float = LEASE_S,
    ) -> None:
        """``scratch`` is a folder of this machine for unfinished files. ``kept_s`` is how long a render is kept after
        its end, in seconds."""
        self.objects = objects
        self.kept_s = kept_s
        self.server = new_id()
        self._threads = threads
        self._scratch = scratch
        self._min_free_mb = min_free_mb
        self._lease_s = lease_s
        self._records = Records(objects, FOLDER, _is_record, lambda _, data: decode_record(data))
        self._beats: dict[str, tuple[int, float]] = {}
        self._lock: int | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._threads.run(self._open_known)
        except LiveheadError as error:
            logger.error("renders are not to be had: %s", error)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        await self._threads.run(self.objects.withdraw, self.server)

    def key(self, render_id: str, name: str) -> str:
        """Of a render's :data:`AUDIO`, :data:`PORTRAIT` or :data:`FILM` in the storage."""
        return f"{FOLDER}/{render_id}/{name}"

    def expires(self, record: RenderRecord) -> float | None:
        """When it is forgotten, in Unix time; None before its end."""
        return None if record.ended is None else record.ended + self.kept_s

    async def check_room(self) -> None:
        """Raises DiskFullError."""
        await self._threads.run(self.check_room_now)

    def check_room_now(self) -> None:
        """The same for a thread. Blocks."""
        check_room(self._scratch, self._min_free_mb)

    async def prepare(self) -> None:
        """Open the queue. Raises UnavailableError where the folder is that of a server of an older version."""
        await self._threads.run(self._opened)

    @asynccontextmanager
    async def workspace(self) -> AsyncIterator[Path]:
        """A folder of this machine to work in, removed at the end."""
        manager = scratch_folder(self._scratch)
        folder = await self._threads.run(manager.__enter__)
        try:
            yield folder
        finally:
            await self._threads.run(manager.__exit__, None, None, None)

    async def fetch(self, render_id: str, name: str, folder: Path) -> Path:
        """One of its files, or a copy of it in ``folder``. Raises StoreError where it is not there any more."""
        try:
            return await self._threads.run(self.objects.fetch, self.key(render_id, name), folder / f"fetched-{name}")
        except FileNotFoundError:
            raise StoreError("Its files are not there any more.") from None

    async def keep(self, render_id: str, name: str, path: Path) -> None:
        """Move a file of this machine to its place."""
        await self._threads.run(self.objects.take_in, self.key(render_id, name), path)

    async def add(self, record: RenderRecord) -> RenderRecord:
        """Its files are there already. Returns it with its number."""
        record = replace(record, number=time.time_ns())
        await self._threads.run(self._add, record)
        return record

    async def get(self, render_id: str) -> RenderRecord | None:
        found = await self._threads.run(self._records.get, _record_key(render_id))
        return None if found is None else await self._threads.run(self._as_seen, found[0])

    async def all(self) -> list[RenderRecord]:
        """In the order in which they came. One whose server is gone waits."""
        return await self._threads.run(self._all)

    async def of_owner(self, owner: str) -> list[RenderRecord]:
        """In the order in which they came."""
        return [record for record in await self.all() if record.owner == owner]

    async def open(self) -> list[RenderRecord]:
        """Those that wait or run, in the order in which they came."""
        return [record for record in await self.all() if record.is_open]

    async def begin(self, render_id: str) -> RenderRecord | None:
        """One that waits is made by this server from now on. None where it does not wait any more."""
        return await self._threads.run(self._begin, render_id)

    async def begin_again(self, render_id: str) -> bool:
        """This server begins anew. False where it does not make it any more."""
        return await self._change(render_id, lambda it: replace(it, starts=it.starts + 1) if self._mine(it) else None)

    async def beat(self, render_id: str, progress: float) -> bool:
        """This server goes on making it. False where it is not to, any more."""
        return await self._change(
            render_id, lambda it: replace(it, beats=it.beats + 1, progress=progress) if self._mine(it) else None
        )

    async def put_back(self, render_id: str) -> bool:
        """One that this server makes waits again, as if it had not begun."""
        return await self._change(
            render_id,
            lambda it: replace(it, state="queued", starts=it.starts - 1, server=None) if self._mine(it) else None,
        )

    async def end(self, render_id: str, state: RenderState, error: str | None = None) -> bool:
        """Note its end, and remove the files that nobody needs any more. False where it had ended already, or, unless
        it is cancelled, where another server makes it."""

        def change(it: RenderRecord) -> RenderRecord | None:
            if not it.is_open or (state != "cancelled" and it.state == "running" and not self._mine(it)):
                return None
            return replace(it, state=state, error=error, ended=time.time())

        ended = await self._change(render_id, change)
        if ended:
            await self._threads.run(self._tidy, render_id, state)
        return ended

    async def drop_film(self, render_id: str) -> None:
        """Remove the film of one that ended otherwise meanwhile."""
        found = await self.get(render_id)
        if found is None or found.state in ("failed", "cancelled"):
            await self._threads.run(self.objects.delete, self.key(render_id, FILM))

    async def forget(self, render_id: str) -> None:
        """Remove it and its files."""
        await self._threads.run(self._forget, render_id)

    async def sweep(self) -> None:
        """Forget those that were kept long enough, and remove what servers that were killed have left."""
        await self._threads.run(self._sweep)

    # -- in a thread

    async def _change(self, render_id: str, change: Callable[[RenderRecord], RenderRecord | None]) -> bool:
        """``change`` gives the record as it is to be, or None."""
        return await self._threads.run(self._change_now, render_id, change) is not None

    def _change_now(self, render_id: str, change: Callable[[RenderRecord], RenderRecord | None]) -> RenderRecord | None:
        for _ in range(ATTEMPTS):
            found = self._records.get(_record_key(render_id))
            changed = None if found is None else change(found[0])
            if found is None or changed is None:
                return None
            if self.objects.replace(_record_key(render_id), _encode(changed), found[1]) is not None:
                return changed
        raise StoreError("The render is changed all the time. Try again in a moment.")

    def _begin(self, render_id: str) -> RenderRecord | None:
        self._opened()
        self.objects.announce(self.server)

        def change(it: RenderRecord) -> RenderRecord | None:
            if self._as_seen(it).state != "queued":
                return None
            return replace(
                it, state="running", starts=it.starts + 1, server=self.server, begun=time.time(), progress=0.0
            )

        return self._change_now(render_id, change)

    def _mine(self, record: RenderRecord) -> bool:
        return record.state == "running" and record.server == self.server

    def _as_seen(self, record: RenderRecord) -> RenderRecord:
        """One that runs, and whose server is gone, waits."""
        if record.state != "running" or record.server == self.server:
            self._beats.pop(record.id, None)
            return record
        now = time.monotonic()
        beats, since = self._beats.get(record.id, (-1, 0.0))
        if beats != record.beats:
            since = now
            self._beats[record.id] = record.beats, now
        if now - since < self._lease_s and not (record.server and self.objects.is_gone(record.server)):
            return record
        return replace(record, state="queued", progress=0.0)

    def _add(self, record: RenderRecord) -> None:
        self._opened()
        if self.objects.create(_record_key(record.id), _encode(record)) is None:
            raise StoreError(f"There is a render {record.id} already.")

    def _all(self) -> list[RenderRecord]:
        self._open_known()
        found = [self._as_seen(record) for record, _ in self._records.all().values()]
        return sorted(found, key=lambda record: (record.number, record.id))

    def _open_known(self) -> None:
        folder = self.objects.path(FOLDER)
        if self._lock is None and folder is not None and folder.exists():
            self._opened()

    def _opened(self) -> None:
        folder = self.objects.path(FOLDER)
        if folder is None or self._lock is not None:
            return
        lock = hold_lock(folder)
        try:
            if count := take_over(folder, lambda record: self.objects.create(_record_key(record.id), _encode(record))):
                logger.info("%d renders were taken over from %s", count, folder / TABLE)
        except BaseException:
            os.close(lock)
            raise
        if self._lock is None:
            self._lock = lock
        else:
            os.close(lock)

    def _without_film(self, records: Mapping[str, RenderRecord], keys: Set[str]) -> Iterator[RenderRecord]:
        """Those that are said to be done, and have their audio and no film: they wait again. A backup that was made at
        the moment of their end has them like that."""
        for record in list(records.values()):
            if record.state == "done" and self.key(record.id, FILM) not in keys and self.key(record.id, AUDIO) in keys:
                again = self._change_now(
                    record.id,
                    lambda it: replace(it, state="queued", ended=None, server=None) if it.state == "done" else None,
                )
                if again is not None:
                    yield again

    def _tidy(self, render_id: str, state: RenderState) -> None:
        """Of one that ended well the film is kept, of others nothing."""
        for name in (AUDIO, PORTRAIT) if state == "done" else (AUDIO, PORTRAIT, FILM):
            self.objects.delete(self.key(render_id, name))

    def _forget(self, render_id: str) -> None:
        self.objects.delete(_record_key(render_id))
        self._tidy(render_id, "cancelled")

    def _sweep(self) -> None:
        sweep(self._scratch)
        self.objects.sweep(FOLDER)
        records = {record.id: record for record in self._all()}
        for record in records.values():
            if record.ended is not None and record.ended + self.kept_s < time.time():
                self._forget(record.id)
        listed = self.objects.list(FOLDER)
        for again in self._without_film(records, {each.key for each in listed}):
            records[again.id] = again
        for each in listed:
            _, render_id, *name = each.key.split("/")
            if not name or name[0] not in (AUDIO, PORTRAIT, FILM):
                continue
            owned = records.get(render_id)
            if owned is None:
                if each.modified + ORPHAN_S < time.time() and self.objects.info(_record_key(render_id)) is None:
                    self.objects.delete(each.key)
            elif not owned.is_open and (owned.state != "done" or name[0] != FILM):
                self.objects.delete(each.key)


def _record_key(render_id: str) -> str:
    return f"{FOLDER}/{render_id}.json"


def _is_record(key: str) -> bool:
    return key.endswith(".json") and key.count("/") == 1


def _encode(record: RenderRecord) -> bytes:
    return json.dumps(asdict(record), indent=1).encode()


def decode_record(data: bytes) -> RenderRecord:
    """What a newer version has added is left out. Raises ValueError, TypeError and KeyError."""
    given = json.loads(data)
    return RenderRecord(**{name: given[name] for name in _FIELDS if name in given})
