"""Tells audio that is late for good from a sender that paused."""

from __future__ import annotations

from livehead.core.block import BLOCK_S

BURST_S = 0.2
"""Blocks that come so soon after a hopelessly late one belong to the same burst."""

PAUSE_S = 1.0
"""Hopelessly late blocks further apart than this have nothing to do with one another."""


class LateAudio:
    """Remembers when the last block came that was too late even for the longest delay."""

    def __init__(self) -> None:
        self._at: float | None = None

    def is_burst(self, now: float) -> bool:
        """Whether a late block that comes now is the end of a burst."""
        return self._at is not None and now - self._at < BURST_S

    def paused(self, now: float) -> bool:
        """A hopelessly late block came. Whether it and the one before came at an unhurried pace: then the sender
        paused, and what comes now is new."""
        before, self._at = self._at, now
        return before is not None and BLOCK_S / 2 < now - before < PAUSE_S

    def forget(self) -> None:
        self._at = None
