"""Windows that go to the engine before their blocks are due to come in, because what is in them is known already:
pushed speech, or silence."""

from __future__ import annotations

from livehead.core.frame import Frame

MOST = 8
"""Blocks that pushed speech is handed to the engine ahead of time: 320 ms in which it may be late without harm. More
would be computed in vain when there is an interrupt. The next window of silence is asked for when no more blocks than
these have their frames, for the same reason."""


class Ahead:
    """Those windows of one session, and their frames until the blocks come. Bounded: what is far behind is
    forgotten. ``silence_made`` counts the blocks of silence among them, ``silence_rewound`` those of these that were
    taken back because speech began."""

    def __init__(self) -> None:
        self.silence_made = self.silence_rewound = 0
        self._windows: set[int] = set()
        self._given_up: set[int] = set()
        self._lost: int | None = None
        self._frames: dict[int, Frame] = {}

    @property
    def waiting(self) -> bool:
        """Whether any of these windows has no answer yet."""
        return bool(self._windows)

    @property
    def frames(self) -> int:
        """How many wait for their blocks."""
        return len(self._frames)

    def submitted(self, k: int) -> None:
        """The window of block ``k`` went to the engine ahead of time."""
        self._windows = {each for each in self._windows if each > k - 256}
        self._given_up = {each for each in self._given_up if each > k - 256}
        self._windows.add(k)

    def answered(self, k: int) -> bool:
        """The window of block ``k`` was answered. Says whether it is one of these."""
        there = k in self._windows
        self._windows.discard(k)
        return there

    def gave_up(self, k: int) -> bool:
        """There are no frames of the window of block ``k``. Says whether nobody wants them any more."""
        there = k in self._given_up
        self._given_up.discard(k)
        return there

    def lose(self, k: int) -> None:
        """There are none, though somebody wants them."""
        if self.answered(k):
            self._lost = k if self._lost is None else min(self._lost, k)

    def take_lost(self) -> int | None:
        """The first block of the windows that were lost since this was last asked, None where there were none."""
        lost, self._lost = self._lost, None
        return lost

    def keep(self, k: int, frame: Frame) -> None:
        """Block ``k`` has not come yet."""
        self._frames[k] = frame

    def take(self, k: int) -> Frame | None:
        """Block ``k`` has come: its frame, if that is here."""
        return self._frames.pop(k, None)

    def give_up(self, k: int) -> None:
        """Blocks from ``k`` on will be something else; windows without an answer are not waited for."""
        self._given_up |= self._windows
        self._windows.clear()
        self._lost = None
        self._frames = {each: frame for each, frame in self._frames.items() if each < k}

    def clear(self) -> None:
        """None of these blocks will come."""
        self.give_up(0)
        self._frames.clear()
