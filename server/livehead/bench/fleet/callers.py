"""Who calls on a simulated day."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from livehead.bench.fleet.plan import FleetDay

QUIETEST_HOUR = 3
BUSIEST_HOUR = QUIETEST_HOUR + 12
SHORTEST_S = 10.0


@dataclass(slots=True, eq=False)
class Caller:
    """Calls at ``at`` and hangs up ``length`` seconds after a place was found. ``latency`` is what is asked for.

    ``since`` is when the call got the place that it has, or lost the one that it had, None before it ever had one;
    ``ends`` when the caller hangs up. A place is sought from ``seeks`` on, and ``wait`` is the longest time to the next
    attempt.
    """

    at: float
    length: float
    latency: str
    since: float | None = None
    ends: float = math.inf
    seeks: float = 0.0
    wait: float = 0.0


def callers(plan: FleetDay, chance: random.Random) -> list[Caller]:
    """In the order in which they call. As on a day of one card, calls go up from the night to the afternoon and down
    again, as a cosine, and their lengths are those of calls that may end at any moment."""
    day = plan.hours * 3600.0
    names, shares = list(plan.mix), list(plan.mix.values())
    times: list[float] = []
    while len(times) < plan.calls:
        at = chance.uniform(0, day)
        if chance.uniform(0, plan.busiest) <= rate(plan, at / 3600):
            times.append(at)
    times += [3600 * BUSIEST_HOUR + chance.uniform(0, 60) for _ in range(plan.burst)]
    found = []
    for at in times:
        length = SHORTEST_S + chance.expovariate(1 / max(1.0, plan.call_s - SHORTEST_S))
        found.append(Caller(at, length, chance.choices(names, shares)[0]))
    return sorted(found, key=lambda caller: caller.at)


def rate(plan: FleetDay, hour: float) -> float:
    """How many call at that time of the day, where 1 is the least."""
    return 1 + (plan.busiest - 1) * (1 - math.cos(2 * math.pi * (hour - QUIETEST_HOUR) / 24)) / 2
