"""What is counted in a simulated hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from livehead.core.block import BLOCK_S
from livehead.core.latency import percentiles


@dataclass(slots=True)
class Hour:
    """``at`` counts the frames of speech that were made, by the preset of their windows; ``delays`` has the delay of
    each second of speech, in milliseconds; ``late`` counts frames of speech that came too late or never. ``talked`` and
    ``present`` are seconds of all callers together."""

    callers: int = 0
    refused: int = 0
    most: int = 0
    moves: Counter[str] = field(default_factory=Counter)
    at: Counter[str] = field(default_factory=Counter)
    delays: list[float] = field(default_factory=list)
    late: int = 0
    busy: float = 0.0
    present: float = 0.0

    @classmethod
    def sum(cls, hours: Iterable[Hour]) -> Self:
        total = cls()
        for hour in hours:
            total.callers += hour.callers
            total.refused += hour.refused
            total.most = max(total.most, hour.most)
            total.moves += hour.moves
            total.at += hour.at
            total.delays += hour.delays
            total.late += hour.late
            total.busy += hour.busy
            total.present += hour.present
        return total

    def figures(self, seconds: float) -> dict[str, Any]:
        """``moves_a_minute`` is of one caller, ``at`` the share of the speech at each preset."""
        made = self.at.total()
        delay = percentiles(self.delays)
        return {
            "callers": self.callers,
            "refused": self.refused,
            "most": self.most,
            "at": {name: round(count / made, 4) for name, count in self.at.items()},
            "delay_ms": {"p50": round(delay.p50), "p95": round(delay.p95)},
            "late": round(self.late / max(1, made + self.late), 5),
            "speech_s": round(made * BLOCK_S, 1),
            "moves": self.moves.total(),
            "moves_by_reason": dict(self.moves),
            "moves_a_minute": round(60 * self.moves.total() / max(1.0, self.present), 3),
            "busy": round(self.busy / seconds, 4),
        }
