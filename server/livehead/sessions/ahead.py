"""Windows that go to the engine before their blocks are due to come in, because the speech in them is known already."""

from __future__ import annotations

from livehead.core.frame import Frame

MOST = 8
"""Blocks that pushed speech is handed to the engine ahead of time: 320 ms in which it may be late without harm. More
would be computed in vain when there is an interrupt, and an engine goes on from the last frame shown only if that is
among the frames of about one window that it keeps."""


class Ahead:
    """Those windows of one session, and their frames until the blocks come. Bounded: what is far behind is
    forgotten."""

    def __init__(self) -> None:
        self._windows: set[int] = set()
        self._frames: dict[int, Frame] = {}

    def submitted(self, k: int) -> None:
        """The window of block ``k`` went to the engine ahead of time."""
        self._windows = {each for each in self._windows if each > k - 256}
        self._windows.add(k)

    def answered(self, k: int) -> bool:
        """The window of block ``k`` was answered. Says whether it is one of these."""
        there = k in self._windows
        self._windows.discard(k)
        return there

    def keep(self, k: int, frame: Frame) -> None:
        """Block ``k`` has not come yet."""
        self._frames[k] = frame

    def take(self, k: int) -> Frame | None:
        """Block ``k`` has come: its frame, if that is here."""
        return self._frames.pop(k, None)

    def clear(self) -> None:
        """None of these blocks will come."""
        self._windows.clear()
        self._frames.clear()
