"""One render, from its first window to its film."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import FPS
from livehead.core.frame import Frame
from livehead.core.windows import Window
from livehead.engine.base import Backdrop
from livehead.engine.host.host import EngineHost, EngineStream, WindowTiming
from livehead.errors import DiskFullError, EngineDownError, EngineError, LiveheadError, StoreDownError
from livehead.media.video.provenance import synthetic_tags
from livehead.render.film import FilmFormat
from livehead.render.jobs.threads import FilmThreads
from livehead.render.jobs.written_film import WrittenFilm
from livehead.store.renders.queue import AUDIO, FILM, PORTRAIT, RenderQueue
from livehead.store.renders.record import RenderRecord, RenderState

IN_FLIGHT = 2
"""Windows of a render at the engine: it makes one while the frames of the other are written."""

MOST_STARTS = 4
"""A render is begun so often at most: an engine, or a server, that ends with it every time may have its reason."""

PAUSES_S = (0.5, 2.0, 5.0)
"""Before it begins again."""

STORE_PAUSE_S = 3.0
"""Before a storage that did not answer is asked again: what was made is not thrown away for that."""

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What a render shows: the portrait, uint8 ``(H, W, 3)`` RGB, and what is put behind it."""

    portrait: NDArray[np.uint8]
    backdrop: Backdrop | None


Source: TypeAlias = Callable[[RenderRecord, Path | None], Awaitable[Shown]]
"""Gets the file of the portrait that came with a render, None where it names an avatar."""


class WindowLostError(EngineError):
    """The engine did not make the frames of a window."""


class RenderJob:
    """Its frames come from a stream behind the live ones, and go to the file as they come: at most :data:`IN_FLIGHT`
    windows are in memory. What a broken engine leaves begins anew from the first window, as the frames of a stream
    hang together."""

    def __init__(
        self,
        record: RenderRecord,
        queue: RenderQueue,
        host: EngineHost,
        source: Source,
        threads: FilmThreads,
        *,
        marked: bool,
        on_end: Callable[[RenderState], None],
    ) -> None:
        """``marked`` puts the visible mark into the film. ``on_end`` is called with the state that it ends in."""
        self.record = record
        self.progress = 0.0
        self._queue = queue
        self._host = host
        self._source = source
        self._threads = threads
        self._marked = marked
        self._on_end = on_end
        self._total = max(1, ceil(record.seconds * FPS))

    async def run(self) -> None:
        """Ends the render in the queue as done or failed. One that is cancelled meanwhile is left as it is."""
        try:
            if self.record.starts > MOST_STARTS:
                raise EngineError(f"The render was begun {self.record.starts - 1} times, and never came to its end.")
            await self._make_with_patience()
        except LiveheadError as error:
            logger.warning("render %s: failed: %s", self.record.id, error)
            await self._end("failed", str(error))
        except Exception:
            logger.exception("render %s: failed", self.record.id)
            await self._end("failed", "This is a fault of the server; its log has the details.")
        else:
            await self._end("done")

    async def _end(self, state: RenderState, error: str | None = None) -> None:
        if await self._patiently(lambda: self._queue.end(self.record.id, state, error)):
            self._on_end(state)
        elif state == "done":
            await self._queue.drop_film(self.record.id)

    async def _patiently(self, step: Callable[[], Awaitable[Result]]) -> Result:
        """Again and again where the storage does not answer, or has no room. Whoever takes the render over
        meanwhile ends this."""
        while True:
            try:
                return await step()
            except (StoreDownError, DiskFullError) as error:
                logger.warning("render %s: waits: %s", self.record.id, error)
                await asyncio.sleep(STORE_PAUSE_S)

    async def _make_with_patience(self) -> None:
        starts = self.record.starts
        while True:
            try:
                await self._make()
            except EngineError as error:
                if starts >= MOST_STARTS:
                    raise EngineError(f"The render was begun {starts} times; the last time {error}") from error
                logger.info("render %s: begins again: %s", self.record.id, error)
                await asyncio.sleep(PAUSES_S[min(starts, len(PAUSES_S)) - 1])
                await self._engine_is_ready()
                starts += 1
                if not await self._patiently(lambda: self._queue.begin_again(self.record.id)):
                    return
            else:
                return

    async def _engine_is_ready(self) -> None:
        while True:
            try:
                await self._host.ready()
                return
            except EngineError:
                await asyncio.sleep(PAUSES_S[0])

    async def _make(self) -> None:
        """Raises EngineError where the engine is to blame, and other errors where it is not."""
        self.progress = 0.0
        async with self._queue.workspace() as folder:
            audio = await self._fetched(AUDIO, folder)
            portrait = None if self.record.avatar is not None else await self._fetched(PORTRAIT, folder)
            shown = await self._patiently(lambda: self._source(self.record, portrait))
            film = folder / FILM
            await self._make_film(shown, audio, film)
            await self._patiently(lambda: self._queue.keep(self.record.id, FILM, film))

    async def _fetched(self, name: str, folder: Path) -> Path:
        return await self._patiently(lambda: self._queue.fetch(self.record.id, name, folder))

    async def _make_film(self, shown: Shown, audio: Path, target: Path) -> None:
        windows = _Windows()
        stream = await self._host.open(
            shown.portrait,
            self.record.seed,
            windows.on_frames,
            None,
            windows.on_dropped,
            background=True,
            backdrop=shown.backdrop,
        )
        try:
            await self._write(windows, stream, self._format(shown), audio, target)
        finally:
            await stream.close()

    async def _write(
        self, windows: _Windows, stream: EngineStream, film_format: FilmFormat, audio: Path, target: Path
    ) -> None:
        opening = asyncio.ensure_future(
            self._threads.run(WrittenFilm, audio, target, film_format, self._queue.check_room_now)
        )
        try:
            film = await asyncio.shield(opening)
        except asyncio.CancelledError:
            with suppress(LiveheadError):  # its files are open by now, or will be
                await self._threads.run((await opening).close)
            raise
        try:
            coming: deque[tuple[asyncio.Future[list[Frame]], int]] = deque()
            following = await self._threads.run(film.go_on)
            while following is not None or coming:
                if following is not None:
                    coming.append((windows.submit(stream, following[0]), following[1]))
                    if len(coming) < IN_FLIGHT:
                        following = await self._threads.run(film.go_on)
                        continue
                made, wanted = coming.popleft()
                frames = (await made)[:wanted]
                following = await self._threads.run(film.go_on, frames)
                self.progress = min(1.0, film.frames / self._total)
            await self._threads.run(film.finish)
        finally:
            await asyncio.shield(asyncio.ensure_future(self._threads.run(film.close)))

    def _format(self, shown: Shown) -> FilmFormat:
        info = self._host.info
        return FilmFormat(
            info,
            info.presets[self.record.latency],
            synthetic_tags(info.name, info.variant, self.record.avatar or "own"),
            self._marked,
            "keep" if shown.backdrop is None else shown.backdrop.kind,
        )


class _Windows:
    """The windows at the engine, each with a future for its frames."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[list[Frame]]] = {}

    def submit(self, stream: EngineStream, window: Window) -> asyncio.Future[list[Frame]]:
        """Raises EngineDownError."""
        if not stream.submit(window, float("inf")):
            raise EngineDownError("the engine went down")
        future: asyncio.Future[list[Frame]] = asyncio.get_running_loop().create_future()
        self._waiting[window.k] = future
        return future

    def on_frames(self, k: int, frames: list[Frame], timing: WindowTiming) -> None:
        future = self._waiting.pop(k)
        if not future.done():
            future.set_result(frames)

    def on_dropped(self, k: int, hop: int) -> None:
        future = self._waiting.pop(k)
        if not future.done():
            future.set_exception(WindowLostError("the engine lost a window"))
            future.exception()  # of several that are lost at once only the first is waited for
