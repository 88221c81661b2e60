"""Every repeat, drop and skip of a playout, counted and named."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from livehead.core.block import BLOCK_MS, FPS


class Repeat(StrEnum):
    """Why a frame was shown again."""

    NO_FRAME = "no-frame"
    NO_AUDIO = "no-audio"
    GROWTH = "growth"
    """The delay grew by a whole block."""
    MOVE = "move"
    """The delay grows before windows take a shape that needs more of it."""
    INTERRUPT = "interrupt"


class Drop(StrEnum):
    """Why a frame was never shown."""

    LATE = "late"
    """Its block was sent or skipped before it came."""
    SKIPPED = "skipped"
    """It was there, but its block was skipped."""
    INTERRUPT = "interrupt"
    DUPLICATE = "duplicate"
    UNKNOWN = "unknown"
    """No such block came."""


class Skip(StrEnum):
    """Why a block was never sent."""

    LATE = "late"
    """It came after its time, too late for the max delay."""
    BOUND = "bound"
    """It would have been sent later than the max delay allows."""
    SHRINK = "shrink"
    """To bring the delay down."""
    STALL = "stall"
    """The server itself was too slow to send."""
    DISCONTINUITY = "discontinuity"
    """The timeline went on elsewhere before its turn."""
    INTERRUPT = "interrupt"


@dataclass(frozen=True, slots=True)
class PlayoutStats:
    """Figures since the start, save ``fps`` and ``skew_ms``, which are of the last second.

    ``ticks`` is ``fresh + repeated + blank``; ``blank`` ones had no frame at all yet.
    ``skew_ms`` is how far the frame was behind the audio, on average: a repeat counts 40 ms.
    """

    k: int | None
    ticks: int
    fresh: int
    blank: int
    missed: int
    repeats: Mapping[Repeat, int]
    drops: Mapping[Drop, int]
    skips: Mapping[Skip, int]
    delay_ms: float
    max_delay_ms: int
    fps: float
    skew_ms: float

    @property
    def repeated(self) -> int:
        return sum(self.repeats.values())

    @property
    def dropped(self) -> int:
        return sum(self.drops.values())

    @property
    def skipped(self) -> int:
        return sum(self.skips.values())


class Counters:
    """What happened since the session began, and in its last second."""

    def __init__(self) -> None:
        self.ticks = 0
        self.fresh = 0
        self.blank = 0
        self.missed = 0
        self.repeats: Counter[Repeat] = Counter()
        self.drops: Counter[Drop] = Counter()
        self.skips: Counter[Skip] = Counter()
        self._age = 0
        self._ages: deque[int] = deque(maxlen=FPS)

    def tick(self, *, fresh: bool, blank: bool, reason: Repeat) -> None:
        """``reason`` counts unless the frame was fresh or there was none at all."""
        self.ticks += 1
        if fresh:
            self.fresh += 1
            self._age = 0
        elif blank:
            self.blank += 1
            return
        else:
            self.repeats[reason] += 1
            self._age += 1
        self._ages.append(self._age)

    def miss(self, ticks: int) -> None:
        """So many ticks were not asked for in time. Nothing was shown in them."""
        self.missed += ticks
        self._age += ticks
        self._ages.extend([self._age] * min(ticks, FPS))

    def stats(self, *, k: int | None, delay_ms: float, max_delay_ms: int) -> PlayoutStats:
        """The figures of now, with the last block sent and its delay."""
        return PlayoutStats(
            k=k,
            ticks=self.ticks,
            fresh=self.fresh,
            blank=self.blank,
            missed=self.missed,
            repeats=dict(self.repeats),
            drops=dict(self.drops),
            skips=dict(self.skips),
            delay_ms=delay_ms,
            max_delay_ms=max_delay_ms,
            fps=self.fps,
            skew_ms=self.skew_ms,
        )

    @property
    def shown_again(self) -> bool:
        """Whether the last tick had no new frame."""
        return self._age > 0

    @property
    def fps(self) -> float:
        """New frames in the last 25 ticks, which take a second."""
        return float(sum(age == 0 for age in self._ages))

    @property
    def skew_ms(self) -> float:
        return sum(self._ages) * BLOCK_MS / len(self._ages) if self._ages else 0.0
