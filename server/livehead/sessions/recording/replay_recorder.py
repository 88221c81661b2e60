"""What it takes to render a session again: its sound, its portraits and what was done with them."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from operator import methodcaller

import livehead
from livehead.core.block import BLOCK_S, FPS
from livehead.core.ids import new_id
from livehead.core.playout.tick import Tick
from livehead.core.windows import Window
from livehead.errors import RequestError
from livehead.replay.header import Header
from livehead.sessions.recording.base import OpenedStream, RecordingStatus
from livehead.sessions.recording.replay_thread import Call, ReplayThread
from livehead.sessions.recording.subject import Subject
from livehead.store.recordings.recording import Recording, RecordingState

BATCH = FPS
"""Ticks whose events are handed to the thread together."""

MAX_CALLS = 64 * BATCH
"""Events that are kept before the first tick: an engine that never makes a frame is not recorded for ever."""

NOTE_S = 10.0
"""How often the recording's length is noted, for the case that the server is killed."""

WRITTEN_S = 20.0
"""How long a session's end waits for the file to be complete."""

logger = logging.getLogger(__name__)


class ReplayRecorder:
    """Implements :class:`~livehead.sessions.recording.base.Recorder`. The file begins with the first tick: a session
    that nobody came to has none."""

    quantized = True

    def __init__(self, subject: Subject) -> None:
        self.id = new_id()
        self.thread: ReplayThread | None = None
        self._subject = subject
        self._state: RecordingState | None = None
        self._on = True
        self._calls: list[Call] = []
        self._first = self._handed_over = 0
        self._seconds = 0.0
        self._noted = 0.0

    @property
    def status(self) -> RecordingStatus:
        return RecordingStatus(self.id, self._state or "waiting", self._on)

    def opened(self, stream: OpenedStream) -> None:
        picture = None if stream.backdrop is None else stream.backdrop.picture
        self._tell(
            "opened", stream.stream, stream.portrait, stream.seed, stream.avatar, stream.look.background, picture
        )

    def submitted(self, stream: int, window: Window) -> None:
        self._tell("submitted", stream, window)

    def made(self, stream: int, k: int, hop: int, batch: int, place: int) -> None:
        self._tell("made", stream, k, hop, batch, place)

    def rewound(self, stream: int, shown_k: int) -> None:
        self._tell("rewound", stream, shown_k)

    def reopened(self, stream: int, shown_k: int | None) -> None:
        self._tell("reopened", stream, shown_k)

    def interrupted(self) -> None:
        self._tell("interrupted")

    def sent(self, tick: Tick) -> None:
        if not self._on:
            return
        if self.thread is None:
            self._begin(tick)
        if self.thread is None:
            return
        self._tell("sent", tick.index, tick.k, tick.frame_k, tick.pcm)
        self._seconds = (tick.index + 1 - self._first) * BLOCK_S
        if tick.index - self._handed_over >= BATCH:
            self._handed_over = tick.index
            self._hand_over(self.thread)
        if self.thread.failed.is_set():
            self._on = False
        elif self._seconds >= self._subject.settings.max_film_seconds:
            self._end(self.thread, "length")

    async def close(self) -> None:
        if self.thread is not None:
            self._end(self.thread, "closed")
            await self.thread.wait(WRITTEN_S)

    def _tell(self, name: str, *arguments: object) -> None:
        if self._on and (self.thread is not None or len(self._calls) < MAX_CALLS):
            self._calls.append(methodcaller(name, *arguments))

    def _begin(self, tick: Tick) -> None:
        self._first = self._handed_over = tick.index
        header = Header.of(
            self._subject.info,
            livehead=livehead.__version__,
            session=self._subject.session,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            source=self._subject.request.source,
            latency=self._subject.request.latency,
        )
        try:
            recording = self._subject.store.begin(
                "replay",
                session=self._subject.session,
                avatar=self._subject.request.avatar,
                opened_by=self._subject.opened_by,
                recording_id=self.id,
            )
        except RequestError as error:
            self._state, self._on = "failed", False
            self._calls.clear()
            logger.warning("session %s: it is not recorded: %s", self._subject.session, error)
            return
        self._state = "recording"
        self.thread = self._make_thread(recording, header)
        self.thread.start()

    def _make_thread(self, recording: Recording, header: Header) -> ReplayThread:
        return ReplayThread(
            lambda: self._subject.store.open_file(recording), header, check=self._check, on_end=self._written
        )

    def _hand_over(self, thread: ReplayThread) -> None:
        thread.put(self._calls)
        self._calls = []

    def _end(self, thread: ReplayThread, reason: str) -> None:
        if self._on:
            self._on = False
            self._hand_over(thread)
        thread.stop(reason)

    # -- in the thread

    def _check(self) -> None:
        self._subject.store.progress(self.id, self._seconds)
        self._subject.store.check_room()
        if time.monotonic() - self._noted > NOTE_S:
            self._noted = time.monotonic()
            self._subject.store.checkpoint(self.id, self._seconds)

    def _written(self, cut: str | None) -> None:
        """The file is complete, or ended before its session because of ``cut``."""
        state: RecordingState = "cut-short" if cut else "done"
        if self.thread is not None and not self.thread.begun:
            state = "failed"
        logger.log(
            logging.WARNING if cut else logging.INFO,
            "session %s: replay file %s: %s, %.1f s%s",
            self._subject.session,
            self.id,
            state,
            self._seconds,
            f": {cut}" if cut else "",
        )
        self._state = state
        self._subject.metrics.recordings.labels("replay", state).inc()
        self._subject.store.end(self.id, state, self._seconds)
