"""Which recorder a session gets."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Self
from weakref import WeakSet

from livehead.core.identity import Identity
from livehead.engine.base import GeneratorInfo
from livehead.metrics import Metrics
from livehead.sessions.recording.base import NoRecorder, Recorder
from livehead.sessions.recording.film import FilmRecorder
from livehead.sessions.recording.replay_recorder import ReplayRecorder
from livehead.sessions.recording.subject import Subject
from livehead.sessions.request import SessionRequest
from livehead.settings import StoreSettings
from livehead.store.recordings.store import RecordingStore

ENDING_S = 10.0
"""How long the server's end waits for films to be made complete; what they are without that plays, too."""


class SessionRecorders:
    """Implements :class:`~livehead.sessions.recording.base.Recorders`. An async context manager that owns the threads
    and processes of its recorders, which may be at work for a while after their sessions."""

    def __init__(self, store: RecordingStore, settings: StoreSettings, metrics: Metrics) -> None:
        self._store = store
        self._settings = settings
        self._metrics = metrics
        self._films: WeakSet[FilmRecorder] = WeakSet()
        self._replays: WeakSet[ReplayRecorder] = WeakSet()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._end)

    def make(self, session: str, request: SessionRequest, opened_by: Identity, info: GeneratorInfo) -> Recorder:
        if request.record == "off":
            return NoRecorder()
        self._store.check(opened_by.owner)
        subject = Subject(session, request, opened_by, info, self._store, self._settings, self._metrics)
        if request.record == "film":
            film = FilmRecorder(subject)
            self._films.add(film)
            return film
        replay = ReplayRecorder(subject)
        self._replays.add(replay)
        return replay

    def _end(self) -> None:
        until = time.monotonic() + ENDING_S
        for thread in [replay.thread for replay in list(self._replays) if replay.thread is not None]:
            thread.stop("closed")
            thread.join(max(0.0, until - time.monotonic()))
        processes = [film.process for film in list(self._films) if film.process is not None]
        for process in processes:
            process.end()
        for process in processes:
            if not process.join(max(0.0, until - time.monotonic())):
                process.kill()
                process.join(ENDING_S)
