"""Windows that were submitted and may still be made. Writer and reader have the same."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")

MAX_WAITING = 128
"""Windows that may wait for their frames: far more than an engine lets."""


class Waiting(Generic[T]):
    """What is known of each, by its stream and the block that it begins with. Where a rewind takes windows back before
    they were made, others of the stream begin with the same blocks: an engine may have been at the ``older`` ones by
    then. The oldest give way to new ones."""

    def __init__(self) -> None:
        self._newer: dict[tuple[int, int], T] = {}
        self._older: dict[tuple[int, int], T] = {}

    def add(self, stream: int, k: int, window: T) -> None:
        """The window that begins with block ``k`` was submitted."""
        before = self._newer.pop((stream, k), None)
        if before is not None:
            self._older[stream, k] = before
        self._newer[stream, k] = window
        for windows in (self._newer, self._older):
            while len(windows) > MAX_WAITING:
                del windows[next(iter(windows))]

    def get(self, stream: int, k: int, *, older: bool = False) -> T | None:
        """The one that begins with block ``k``; of two the newer, or the ``older``."""
        return (self._older if older else self._newer).get((stream, k))

    def take(self, stream: int, k: int, *, older: bool = False) -> T | None:
        """The same; it is made, and waits no longer."""
        return (self._older if older else self._newer).pop((stream, k), None)
