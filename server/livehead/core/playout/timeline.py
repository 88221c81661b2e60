"""The segments of a session: the present one, and at most one that has yet to begin."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from livehead.core.block import Block
from livehead.core.playout.segment import Segment

EARLY_S = 0.0005
"""A tick that is asked for this little before it is due is granted: timers are not exact."""


class Timeline:
    """``end`` is one past the last block that came, None before the first."""

    def __init__(self) -> None:
        self.end: int | None = None
        self._segments: deque[Segment] = deque()
        self._sought: int | None = None

    def __iter__(self) -> Iterator[Segment]:
        return iter(self._segments)

    @property
    def current(self) -> Segment | None:
        """The one that is being sent."""
        return self._segments[0] if self._segments else None

    @property
    def upcoming(self) -> Segment | None:
        """The one that comes after it."""
        return self._segments[1] if len(self._segments) > 1 else None

    def clear(self) -> None:
        """Nothing waits any more, and nothing comes."""
        self._segments.clear()

    def of(self, k: int) -> Segment | None:
        """The segment of block ``k``; the current one for a block before all of them."""
        for segment in reversed(self._segments):
            if k >= segment.start:
                return segment
        return self.current

    def seek(self, k: int) -> None:
        """The next block is ``k`` or later, and begins a segment. Raises ``ValueError`` for a block before the end."""
        if self.end is not None and k < self.end:
            raise ValueError(f"block {k} has come already: the timeline only goes forward")
        self._sought = k

    def open_for(self, block: Block) -> Segment | None:
        """The segment that ``block`` continues; None where it begins a new one. Raises ``ValueError`` where k does
        not rise."""
        k = block.k
        if self.end is not None and k < self.end:
            raise ValueError(f"block {k} came after block {self.end - 1}: k must rise")
        if self._sought is not None and k < self._sought:
            raise ValueError(f"block {k} came after the timeline was moved to {self._sought}")
        newest = self._segments[-1] if self._segments else None
        return newest if newest is not None and newest.end == k and self._sought is None else None

    def begin(self, k: int, now: float, delay: float) -> tuple[Segment, Segment | None]:
        """A new segment, and the one that has to give way to it, if any: it never began."""
        displaced = self._segments.pop() if len(self._segments) > 1 else None
        segment = Segment(k, now, delay)
        self._segments.append(segment)
        self._sought = None
        return segment, displaced

    def advance(self, time: float) -> Segment | None:
        """Go over to the upcoming segment once that is due; returns the one that is over then."""
        upcoming = self.upcoming
        if upcoming is None or upcoming.schedule.origin > time + EARLY_S:
            return None
        return self._segments.popleft()
