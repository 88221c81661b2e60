"""How far behind the call whoever reads its media is."""

from __future__ import annotations

from livehead.core.block import BLOCK_S

WAITED_S = 0.025
"""A block that took so long to come had not been waiting."""


class Backlog:
    """Blocks come every 40 ms; one that was not waited for is measured against the last one that was. Pure: times are
    monotonic seconds, passed in."""

    def __init__(self) -> None:
        self._count = 0
        self._live: float | None = None  # when block 0 would have come, by the last one that was waited for

    def took(self, asked: float, came: float) -> float:
        """The next block was asked for and came then. Returns how many seconds it had been waiting."""
        offset = came - self._count * BLOCK_S
        self._count += 1
        if self._live is None or came - asked >= WAITED_S or offset < self._live:
            self._live = offset
        return offset - self._live
