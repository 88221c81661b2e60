"""When a block may be held back to let the delay grow before it has to."""

from __future__ import annotations

from livehead.core.playout.segment import Segment

QUIET_EVERY = 2
"""In silence every second tick is held at most: no picture is shown for more than two."""

LOUD_EVERY = 5
"""In speech one tick in so many, as a pause within a word is heard."""

REST_S = 0.010
"""A rest that is shorter than this is left to the phase of the ticks."""


class Growing:
    """``target`` is the delay in seconds to grow to, None where there is none. ``held``: the last tick was."""

    def __init__(self) -> None:
        self.target: float | None = None
        self.held = False
        self._since_hold = 0

    def missing(self, segment: Segment) -> float:
        """How much longer the delay has to become, in seconds; 0 at the target, or where there is none."""
        return 0.0 if self.target is None else max(0.0, self.target - segment.schedule.delay)

    def holds(self, segment: Segment, k: int, *, shown_again: bool) -> bool:
        """Whether the next tick is held instead of sending block ``k``. To be asked once a tick. ``shown_again``: the
        last tick had no new frame. Then one that is there is not kept waiting; one that is not has time to come."""
        self.held = False
        self._since_hold += 1
        if segment.settling or k < segment.next or self.missing(segment) < REST_S:
            return False
        block = segment.waiting.get(k)
        there = block is not None and block.frame is not None
        if there and shown_again:
            return False
        quiet = block is None or block.quiet or not there
        if self._since_hold < (QUIET_EVERY if quiet else LOUD_EVERY):
            return False
        self.held, self._since_hold = True, 0
        return True
