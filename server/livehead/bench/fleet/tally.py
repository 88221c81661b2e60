"""What is counted in an hour of a simulated fleet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np


@dataclass(slots=True)
class Tally:
    """``room`` has the seconds for which so many more sessions fitted at ``auto``, ``cards`` replica-seconds by state,
    ``waits`` the time in seconds that each caller waited for a place, ``gaps`` the time that each call which was cut
    was without one. ``talked`` are seconds of calls, ``most`` is how many were there at once. A call that is cut is
    ``lost`` where it does not come back before the caller hangs up; one is ``ended`` where the caller hangs up."""

    calls: int = 0
    refused: int = 0
    cut: int = 0
    ended: int = 0
    lost: int = 0
    failures: int = 0
    most: int = 0
    most_replicas: int = 0
    talked: float = 0.0
    waits: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    room: Counter[int] = field(default_factory=Counter)
    cards: Counter[str] = field(default_factory=Counter)

    @classmethod
    def sum(cls, tallies: Iterable[Tally]) -> Self:
        total = cls()
        for each in tallies:
            for name in ("calls", "refused", "cut", "ended", "lost", "failures", "talked", "waits", "gaps"):
                setattr(total, name, getattr(total, name) + getattr(each, name))
            for name in ("most", "most_replicas"):
                setattr(total, name, max(getattr(total, name), getattr(each, name)))
            total.room.update(each.room)
            total.cards.update(each.cards)
        return total

    def figures(self, warm_room: int) -> dict[str, Any]:
        """Of JSON. ``room`` is the share of the time with no room, with less than the warm room, and with it."""
        seconds = self.room.total() or 1
        full = self.room[0]
        warm = sum(count for room, count in self.room.items() if room >= max(1, warm_room))
        return {
            "calls": self.calls,
            "refused": self.refused,
            "failures": self.failures,
            "cut": self.cut,
            "ended": self.ended,
            "lost": self.lost,
            "most": self.most,
            "most_replicas": self.most_replicas,
            "call_hours": round(self.talked / 3600, 2),
            "replica_hours": {name: round(count / 3600, 2) for name, count in sorted(self.cards.items())},
            "least_room": min(self.room, default=0),
            "room": {
                "none": round(full / seconds, 5),
                "below_warm": round((seconds - full - warm) / seconds, 5),
                "warm": round(warm / seconds, 5),
            },
            "wait_s": _spread(self.waits),
            "gap_s": _spread(self.gaps),
        }


def _spread(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    p50, p95 = np.percentile(values, (50, 95))
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2), "max": round(max(values), 2)}
