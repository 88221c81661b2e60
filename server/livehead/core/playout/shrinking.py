"""When a block may be skipped to bring the delay down to its target."""

from __future__ import annotations

import math

from livehead.core.block import BLOCK_S
from livehead.core.playout.segment import Segment

PATIENCE_S = 2.5
"""How long a delay that is too long waits for a quiet block before any block is skipped."""

SKIP_EVERY = 5
"""At most one block in so many is skipped."""

CALM_S = 20.0
"""For so long after a move only quiet blocks are skipped still: until then the delay may come down because of it."""


class Shrinking:
    """``moving``: windows of another shape need less delay, and it has yet to come down to that."""

    def __init__(self) -> None:
        self.moving = False
        self._since_skip = 0
        self._excess_since: float | None = None
        self._quiet_only = False
        self._calm_since: float | None = None
        self._old_until: float = -math.inf

    def move(self, *, quiet_only: bool, old_until: float = -math.inf) -> None:
        """Windows have another shape. ``quiet_only``: no other blocks are skipped for that, however long it takes.
        Frames of blocks before ``old_until`` may still need the delay of the shape before."""
        self.moving = True
        self._old_until = old_until
        self._quiet_only = quiet_only
        self._calm_since = None

    def skips(self, segment: Segment, k: int, target: float, now: float) -> bool:
        """Whether block ``k``, the next one, is to be skipped. To be asked once a tick; ``target`` in seconds."""
        self._since_skip += 1
        if self._calm_since is not None and now - self._calm_since >= CALM_S:
            self._quiet_only = False
        if segment.schedule.delay - target < BLOCK_S:
            self._excess_since = None
            if self.moving:
                self.moving, self._calm_since = False, now
            return False
        if self._excess_since is None:
            self._excess_since = now
        block, after = segment.waiting.get(k), segment.waiting.get(k + 1)
        if block is None or after is None or self._since_skip < SKIP_EVERY:
            return False
        if block.frame is not None and after.frame is None:
            return False
        if any(each < self._old_until and waiting.frame is None for each, waiting in segment.waiting.items()):
            return False
        if not block.quiet and (self._quiet_only or now - self._excess_since < PATIENCE_S):
            return False
        self._since_skip = 0
        return True
