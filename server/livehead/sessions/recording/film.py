"""A film of what a session's viewers were sent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from livehead.core.block import BLOCK_S
from livehead.core.ids import new_id
from livehead.core.playout.tick import Tick
from livehead.errors import RequestError
from livehead.media.film.process import FilmProcess
from livehead.media.film.wire import FilmOptions, FilmTick
from livehead.media.video.provenance import synthetic_tags
from livehead.sessions.recording.base import NoRecorder, RecordingStatus
from livehead.sessions.recording.subject import Subject
from livehead.store.recordings.recording import Recording, RecordingState

WRITTEN_S = 40.0
COMPLETE_S = 5.0
"""How long a session's end waits for the film to be on the disk, and then for it to be made an ordinary MP4: a long one
may take longer, and is still ``recording`` meanwhile."""

logger = logging.getLogger(__name__)


class FilmRecorder(NoRecorder):
    """Implements :class:`~livehead.sessions.recording.base.Recorder`. The film begins with the first tick: a session
    that nobody came to has none."""

    def __init__(self, subject: Subject) -> None:
        self.id = new_id()
        self.process: FilmProcess | None = None
        self._subject = subject
        self._state: RecordingState | None = None
        self._sealed: RecordingState = "failed"
        self._on = True
        self._first = 0
        self._limited = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_written = asyncio.Event()
        self._is_complete = asyncio.Event()

    @property
    def status(self) -> RecordingStatus:
        return RecordingStatus(self.id, self._state or "waiting", self._on)

    def sent(self, tick: Tick) -> None:
        if not self._on:
            return
        if self.process is None:
            self._begin(tick)
        if self.process is None:
            return
        if (tick.index - self._first) * BLOCK_S >= self._subject.settings.max_film_seconds:
            self._limited = True
            self._on = False
            self.process.end()
            return
        frame_k = tick.frame_k if tick.frame_k is not None else 0
        self.process.put(FilmTick(tick.index, tick.pcm, tick.frame, frame_k, tick.loudness))

    async def close(self) -> None:
        self._on = False
        if self.process is None:
            return
        self.process.end()
        with suppress(TimeoutError):
            async with asyncio.timeout(WRITTEN_S):
                await self._is_written.wait()
            async with asyncio.timeout(COMPLETE_S):
                await self._is_complete.wait()

    def _begin(self, tick: Tick) -> None:
        self._first = tick.index
        self._loop = asyncio.get_running_loop()
        tags = synthetic_tags(self._subject.info.name, self._subject.info.variant, self._subject.request.avatar)
        try:
            recording = self._subject.store.begin(
                "film",
                session=self._subject.session,
                avatar=self._subject.request.avatar,
                opened_by=self._subject.opened_by,
                tags=tags,
                recording_id=self.id,
            )
        except RequestError as error:
            self._state, self._on = "failed", False
            logger.warning("session %s: no film is made: %s", self._subject.session, error)
            return
        self._state = "recording"
        self.process = self._make_process(recording, self._subject.store.file(recording))
        self.process.start()

    def _make_process(self, recording: Recording, path: Path) -> FilmProcess:
        options = FilmOptions(
            str(path),
            str(self._subject.store.temporary(recording)),
            None,
            recording.tags,
            test_pattern=self._subject.request.probe,
            mark=self._subject.settings.visible_mark != "off",
            transparent=self._subject.request.look.kind == "transparent",
        )
        return FilmProcess(
            lambda: self._subject.store.open_file(recording),
            options,
            check=self._check,
            on_written=self._written,
            on_complete=self._completed,
        )

    # -- in the thread of the process

    def _check(self) -> None:
        assert self.process is not None
        self._subject.store.progress(self.id, self.process.seconds)
        self._subject.store.check_room()

    def _written(self, seconds: float, cut: str | None) -> None:
        assert self.process is not None
        self._on = False
        state: RecordingState = "cut-short" if cut or self._limited else "done"
        state = state if seconds else "failed"
        why = cut or ("it is as long as a film may be" if self._limited else "")
        logger.log(
            logging.WARNING if cut else logging.INFO,
            "session %s: film %s: %s, %.1f s, %d pictures repeated%s",
            self._subject.session,
            self.id,
            state,
            seconds,
            self.process.repeated,
            f": {why}" if why else "",
        )
        self._sealed = state
        self._attempt(lambda: self._subject.store.seal(self.id, state, seconds))
        self._set(self._is_written)

    def _completed(self) -> None:
        self._attempt(lambda: self._subject.store.finish(self.id, self._sealed))
        self._state = self._sealed
        self._subject.metrics.recordings.labels("film", self._sealed).inc()
        self._set(self._is_written)
        self._set(self._is_complete)

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except RequestError as error:
            logger.warning("session %s: film %s: %s", self._subject.session, self.id, error)

    def _set(self, event: asyncio.Event) -> None:
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(event.set)
