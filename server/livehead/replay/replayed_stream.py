"""A stream of a session, made once more: the same calls to the generator as the engine's worker makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livehead.core.frame import Frame
from livehead.core.windows import Window
from livehead.engine.base import Generator, Work
from livehead.engine.delivered_frames import DeliveredFrames
from livehead.engine.resume_point import ResumePoint
from livehead.engine.worker.frame_history import FrameHistory
from livehead.engine.worker.resuming import resume


class ReplayedStream:
    """``open_`` opens it at the generator, which is done when it is first needed. Every method raises what the
    generator raises."""

    def __init__(self, generator: Generator, open_: Callable[[], Any]) -> None:
        self._generator = generator
        self._open = open_
        self._state: Any = None
        self._others: list[Any] = []
        """Streams that nobody sees."""
        self._history = FrameHistory(generator.info)
        self._delivered = DeliveredFrames(generator.info)
        """What a new worker was told, in the live session, of what the one before had made."""
        self._resumed_k: int | None = None
        self._stepped = False

    def step(self, window: Window, batch: int = 1, place: int = 0) -> list[Frame]:
        """The frames of blocks ``window.k``, ``window.k + 1``, … In a ``batch`` of several its ``place`` is that, and
        the others are there for their number only: a neural network rounds otherwise in a batch of another size, and
        what is in the other places makes no difference."""
        if self._state is None:
            self._state = self._open()
        self._stepped = True
        batch = min(batch, self._generator.info.max_batch)
        while len(self._others) < batch - 1:
            self._others.append(self._open())
        states = self._others[: batch - 1]
        place = min(place, batch - 1)
        states.insert(place, self._state)
        frames = self._generator.step([Work(state, window.pcm, window.hop) for state in states])[place]
        self._history.keep(window.k, frames)
        delivered = [Frame(i420) for i420 in frames]
        self._delivered.keep(window.k, delivered, window.pcm)
        return delivered

    def rewind(self, shown_k: int) -> None:
        """Go on from the frame of block ``shown_k``; from the portrait where none was made before it."""
        self._delivered.rewind(shown_k)
        point = None
        if self._resumed_k is not None and shown_k <= self._resumed_k:
            point = self._resume_point()
        if self._state is None or (not self._stepped and not self._history.reaches_past(shown_k)):
            return
        self._stepped = False
        if point is not None:
            resume(self._generator, self._state, self._history, point)
            return
        rewound = self._history.rewind(shown_k)
        if rewound is None:
            self.reopen()
            return
        self._generator.rewind(self._state, *rewound)

    def reopen(self, shown_k: int | None = None) -> None:
        """Go on from the frame of block ``shown_k`` in a stream that is opened for that, or begin anew from the
        portrait."""
        self.close()
        self._history = FrameHistory(self._generator.info)
        self._stepped = False
        self._resumed_k = None
        if shown_k is None:
            self._delivered.begin_anew()
            return
        self._delivered.rewind(shown_k)
        point = self._resume_point()
        if point is not None:
            self._state = self._open()
            resume(self._generator, self._state, self._history, point)

    def _resume_point(self) -> ResumePoint | None:
        point = self._delivered.point()
        self._resumed_k = None if point is None else point.k
        return point

    def close(self) -> None:
        """Twice is once."""
        for state in (*self._others, self._state):
            if state is not None:
                self._generator.close(state)
        self._others.clear()
        self._state = None
