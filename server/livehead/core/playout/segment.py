"""An unbroken stretch of the timeline: its schedule, and its blocks that wait to be sent."""

from __future__ import annotations

from dataclasses import dataclass

from livehead.core.block import Pcm
from livehead.core.frame import Frame
from livehead.core.playout.schedule import Schedule

QUIET = 3
"""Up to this loudness (about -46 dB) nobody notices that a block is skipped, or silence put before it."""


@dataclass(slots=True, eq=False)
class Waiting:
    """A block that waits, and its frame once that came. ``loudness`` is 0 … 15. ``silent``: without speech."""

    pcm: Pcm
    loudness: int
    silent: bool = False
    frame: Frame | None = None

    @property
    def quiet(self) -> bool:
        return self.silent or self.loudness <= QUIET


class Segment:
    """``next`` is the block to send next, ``end`` one past the last block that came. ``settling``: nothing was sent
    yet, so the schedule may still move freely."""

    def __init__(self, start: int, now: float, delay: float) -> None:
        self.start = start
        self.schedule = Schedule(start, now, delay)
        self.next = self.end = start
        self.waiting: dict[int, Waiting] = {}
        self.settling = True

    def stretch(self, delay: float) -> None:
        """Make the delay at least ``delay`` seconds."""
        self.schedule.move(max(0.0, delay - self.schedule.delay))

    def take(self, k: int) -> Waiting | None:
        """Block ``k`` is sent now; None where it has not come."""
        entry = self.waiting.pop(k, None)
        if entry is not None:
            self.next = k + 1
            self.settling = False
        return entry

    def skip(self, k: int) -> Waiting:
        """Block ``k``, which waits, is not to be sent."""
        self.next = max(self.next, k + 1)
        return self.waiting.pop(k)
