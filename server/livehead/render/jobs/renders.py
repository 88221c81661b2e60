"""The renders of a server: asked for, followed, cancelled, kept for a time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from livehead.avatars import AvatarStore, load_portrait
from livehead.core.identity import Identity
from livehead.core.ids import new_id
from livehead.core.look import Look
from livehead.engine.base import Backdrop
from livehead.engine.host.host import EngineHost
from livehead.errors import ConflictError, DiskFullError, NotConfiguredError, NotFoundError
from livehead.files.whole import write_file
from livehead.metrics import Metrics
from livehead.render.jobs.audio_decoding import AudioDecoder
from livehead.render.jobs.render_job import RenderJob, Shown
from livehead.render.jobs.runner import RenderRunner, order
from livehead.render.jobs.threads import FilmThreads
from livehead.settings import StoreSettings
from livehead.store.objects.base import ObjectStore
from livehead.store.objects.served import ServedObject, find_served
from livehead.store.objects.threads import StorageThreads
from livehead.store.portraits.decoding import PortraitDecoder
from livehead.store.portraits.record import Consent, given_for
from livehead.store.renders.queue import AUDIO, FILM, PORTRAIT, RenderQueue
from livehead.store.renders.record import RenderRecord, RenderState

UPLOAD = "upload"
"""The audio file as it came, in the folder of a render that is being received."""


class FindBackdrop(Protocol):
    """What a look puts behind a portrait of an owner."""

    async def __call__(self, look: Look, avatars: AvatarStore, owner: str) -> Backdrop | None: ...


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """``avatar`` is the id of one, or ``portrait`` is an image file; the other is None."""

    avatar: str | None
    portrait: bytes | None
    seed: int
    latency: str
    look: Look


class Renders:
    """An async context manager: inside, what waits is made.

    All servers that share ``objects`` have one queue. ``scratch`` is a folder of this machine for unfinished files;
    ``busy`` says that this server has calls. All methods raise StoreError and DiskFullError, and UnavailableError where
    a server of an older version has the folder.
    """

    def __init__(
        self,
        objects: ObjectStore,
        storage: StorageThreads,
        scratch: Path,
        settings: StoreSettings,
        host: EngineHost,
        avatars: AvatarStore,
        portraits: PortraitDecoder,
        find_backdrop: FindBackdrop,
        metrics: Metrics,
        busy: Callable[[], bool],
    ) -> None:
        self._objects = objects
        self._storage = storage
        self._settings = settings
        self._host = host
        self._avatars = avatars
        self._portraits = portraits
        self._metrics = metrics
        self._find_backdrop = find_backdrop
        self._queue = RenderQueue(
            objects, storage, scratch, min_free_mb=settings.min_free_mb, kept_s=settings.render_hours * 3600
        )
        self._audio = AudioDecoder(settings.max_render_seconds)
        self._threads = FilmThreads()
        self._runner = RenderRunner(self._queue, host, metrics, self._make, busy)
        self._arriving: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        await self._queue.__aenter__()
        await self._runner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._runner.__aexit__(kind, error, trace)
        finally:
            self._threads.close()
            await self._queue.__aexit__(kind, error, trace)

    @property
    def max_seconds(self) -> float:
        """Longest audio of a render."""
        return self._settings.max_render_seconds

    async def submit(self, identity: Identity, receive: Callable[[Path], Awaitable[RenderRequest]]) -> RenderRecord:
        """Take a render in. ``receive`` gets a path, writes the audio file to it, and says what is wanted; it has
        checked that the avatar, the preset and the look are there.

        Raises NotConfiguredError, ConflictError where the owner has as many as it may have, DiskFullError, what
        ``receive`` raises, and what :class:`AudioDecoder` and :class:`PortraitDecoder` raise.
        """
        if self._settings.max_renders == 0:
            raise NotConfiguredError(
                "This server makes no renders. Whoever runs it may allow them with LIVEHEAD_MAX_RENDERS."
            )
        await self._queue.prepare()
        await self._queue.check_room()
        async with self._place(identity.owner):
            render_id = new_id()
            async with self._queue.workspace() as folder:
                request = await receive(folder / UPLOAD)
                consent: Consent | None = None
                seconds = await self._audio.decode(folder / UPLOAD, folder / AUDIO)
                if request.portrait is not None:
                    prepared = await self._portraits.prepare(request.portrait)
                    consent = await asyncio.to_thread(given_for, request.portrait, identity.owner, datetime.now(UTC))
                    await asyncio.to_thread(write_file, folder / PORTRAIT, prepared.image)
                    await self._queue.keep(render_id, PORTRAIT, folder / PORTRAIT)
                await self._queue.keep(render_id, AUDIO, folder / AUDIO)
            record = await self._queue.add(
                RenderRecord(
                    id=render_id,
                    owner=identity.owner,
                    token=identity.token,
                    avatar=request.avatar,
                    seed=request.seed,
                    latency=request.latency,
                    background=request.look.background,
                    seconds=seconds,
                    created=time.time(),
                    consent=None if consent is None else consent.model_dump_json(),
                )
            )
            await self._check_number(record)
        self._runner.wake()
        return record

    async def find(self, render_id: str, identity: Identity) -> RenderRecord:
        """Raises NotFoundError for one that is not there, or another owner's."""
        record = await self._queue.get(render_id)
        if record is None or not record.belongs_to(identity):
            raise NotFoundError("There is no such render, or not any more. GET /v1/renders lists yours.")
        return record

    async def list(self, identity: Identity) -> list[RenderRecord]:
        """The newest first."""
        own = await self._queue.of_owner(identity.owner)
        return [record for record in reversed(own) if record.belongs_to(identity)]

    async def film(self, record: RenderRecord) -> ServedObject:
        """The film's file. Raises ConflictError, with the problem ``not-done``, where there is none, and NotFoundError
        where it was removed meanwhile."""
        if record.state != "done":
            more = "" if record.error is None else f": {record.error}"
            raise ConflictError(
                f"There is no film: the render is {record.state}{more}. Ask again when it is done.",
                problem="not-done",
            )
        found = await self._storage.run(find_served, self._objects, self._queue.key(record.id, FILM))
        if found is None:
            raise NotFoundError("The film is not there any more.")
        return found

    async def cancel(self, record: RenderRecord) -> None:
        """End one that waits or runs, and give back at once what it took; forget one that has ended. When this returns
        its files are gone."""
        try:
            ended = await self._queue.end(record.id, "cancelled")
        except DiskFullError:  # nor for a note that it was cancelled; to remove things is what makes room
            ended = False
        if ended:
            self._count("cancelled")
            await self._runner.stop(record.id)
        else:
            await self._queue.forget(record.id)
        self._runner.wake()

    def progress(self, record: RenderRecord) -> float:
        """0 … 1."""
        return 1.0 if record.state == "done" else self._runner.progress(record) if record.state == "running" else 0.0

    @property
    def running(self) -> dict[str, float]:
        """Those that this server makes, and how far they are, 0 … 1."""
        return self._runner.running

    async def places(self) -> dict[str, int]:
        """The place in the queue, from 1, of every render that waits."""
        return {record.id: place for place, record in enumerate(order(await self._queue.all()), 1)}

    def expires(self, record: RenderRecord) -> float | None:
        """When it is forgotten, in Unix time; None before its end."""
        return self._queue.expires(record)

    @asynccontextmanager
    async def _place(self, owner: str) -> AsyncIterator[None]:
        """One of those that the owner may have, also while it is received."""
        self._arriving[owner] += 1
        try:
            if await self._open_of(owner) + self._arriving[owner] > self._settings.max_renders:
                raise self._too_many()
            yield
        finally:
            self._arriving[owner] -= 1
            self._arriving += Counter()  # drops those at zero

    async def _check_number(self, record: RenderRecord) -> None:
        """Of several servers that took one in at the same time each counts when all are there."""
        if await self._open_of(record.owner) > self._settings.max_renders:
            await self._queue.forget(record.id)
            raise self._too_many()

    async def _open_of(self, owner: str) -> int:
        return sum(record.owner == owner for record in await self._queue.open())

    def _too_many(self) -> ConflictError:
        return ConflictError(
            f"{self._settings.max_renders} renders wait or run, and no more may. Wait for one, or cancel one with "
            "DELETE.",
            problem="too-many-renders",
        )

    def _make(self, record: RenderRecord) -> RenderJob:
        marked = self._settings.visible_mark != "off"
        return RenderJob(record, self._queue, self._host, self._show, self._threads, marked=marked, on_end=self._count)

    def _count(self, state: RenderState) -> None:
        self._metrics.renders_ended.labels(state).inc()

    async def _show(self, record: RenderRecord, portrait: Path | None) -> Shown:
        if portrait is not None:
            pixels = await asyncio.to_thread(load_portrait, portrait)
        else:
            assert record.avatar is not None
            pixels = await self._avatars.portrait(record.avatar, record.owner)
        return Shown(pixels, await self._find_backdrop(Look(record.background), self._avatars, record.owner))
