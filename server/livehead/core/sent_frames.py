"""Which frame each of the last ticks carried."""

from __future__ import annotations

from collections import OrderedDict

KEPT = 512
"""Ticks: 20 s of them."""

CODE_PERIOD = 1 << 16
"""The test pattern names blocks modulo this."""


class SentFrames:
    """The blocks of the frames that were sent lately, by the index of the tick. Bounded."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[int, int] = OrderedDict()

    def note(self, index: int, k: int) -> None:
        """Tick ``index`` carried the frame of block ``k``, be it for the first time or again."""
        self._blocks[index] = k
        if len(self._blocks) > KEPT:
            self._blocks.popitem(last=False)

    def at(self, index: int) -> int | None:
        """The block of the frame that tick ``index`` carried, None where that is not known."""
        return self._blocks.get(index)

    def of_code(self, k: int) -> int | None:
        """The same for a frame whose test code says ``k``, of several the newest."""
        code = k % CODE_PERIOD
        return next((block for block in reversed(self._blocks.values()) if block % CODE_PERIOD == code), None)
