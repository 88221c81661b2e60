"""When a block may be skipped to bring the delay down to its target."""

from __future__ import annotations

from livehead.core.block import BLOCK_S
from livehead.core.playout.segment import Segment

QUIET = 3
"""Blocks up to this loudness (about -46 dB) can be skipped without anybody noticing."""

PATIENCE_S = 2.5
"""How long a delay that is too long waits for a quiet block before any block is skipped."""

SKIP_EVERY = 5
"""At most one block in so many is skipped."""


class Shrinking:
    def __init__(self) -> None:
        self._since_skip = 0
        self._excess_since: float | None = None

    def skips(self, segment: Segment, k: int, target: float, now: float) -> bool:
        """Whether block ``k``, the next one, is to be skipped. To be asked once a tick; ``target`` in seconds."""
        self._since_skip += 1
        if segment.schedule.delay - target < BLOCK_S:
            self._excess_since = None
            return False
        if self._excess_since is None:
            self._excess_since = now
        block, after = segment.waiting.get(k), segment.waiting.get(k + 1)
        if block is None or after is None or self._since_skip < SKIP_EVERY:
            return False
        if block.frame is not None and after.frame is None:
            return False
        if block.loudness > QUIET and now - self._excess_since < PATIENCE_S:
            return False
        self._since_skip = 0
        return True
