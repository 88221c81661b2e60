"""A day of a fleet, as it is to be simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from livehead.core.latency_choice import AUTO
from livehead.fleet.ray.plan import FleetPlan

LITE_ON_H100: Mapping[str, int] = {"low": 6, "balanced": 11, "throughput": 19}
"""What the worker of FlashHead Lite measured on an H100 80GB, exact (docs/performance/live-sessions.md)."""

MIX: Mapping[str, float] = {AUTO: 0.8, "low": 0.1, "balanced": 0.05, "throughput": 0.05}
"""Of the calls. An assumption: ``auto`` is the default of server and client."""


@dataclass(frozen=True, slots=True)
class FleetDay:
    """``calls`` come over ``hours``, a day, ``busiest`` times as many in the busiest hour as in the quietest, and
    ``burst`` more within one minute of it. One lasts ``call_s`` on average and 10 s at least; ``mix`` is what they
    choose as latency, by share.

    ``fleet`` has the numbers that ``livehead fleet`` takes: how many replicas, the warm room, the delays. ``places``
    are the sessions that fit on one replica at each preset, ``limit`` its ``--max-sessions``, ``cards`` the GPUs that
    it holds; it takes sessions ``start_s`` after it was asked for. A replica dies once in ``mtbf_h`` hours on average,
    0 for never; that is noticed ``noticed_s`` later, and its calls ask for another place after ``back_s``, the
    shortest and the longest time. Callers try again as the client does, for ``patience_s``.

    ``down_kbit`` and ``up_kbit`` are what a call takes of the network, to the caller and from there; ``relayed`` is
    the share of the calls that go through TURN.
    """

    calls: int = 10_000
    hours: int = 24
    busiest: float = 6.0
    burst: int = 0
    call_s: float = 240.0
    mix: Mapping[str, float] = field(default_factory=lambda: dict(MIX))
    fleet: FleetPlan = field(default_factory=lambda: FleetPlan(replicas="2-40", warm_room=20))
    places: Mapping[str, int] = field(default_factory=lambda: dict(LITE_ON_H100))
    limit: int | None = None
    cards: float = 1.0
    start_s: float = 33.0
    mtbf_h: float = 24.0
    noticed_s: float = 1.0
    back_s: tuple[float, float] = (1.5, 3.0)
    patience_s: float = 30.0
    down_kbit: float = 895.0
    up_kbit: float = 90.0
    relayed: float = 0.15
    seed: int = 1
