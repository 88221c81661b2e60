"""How many replicas there are to be: as many as the load takes, and warm room beside it.

Ray Serve asks this policy about ten times a second, and waits with what it says for the delays of the plan. It is sent
to Serve's controller by value, so it imports nothing of Livehead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

LOAD = "load"
"""Of a replica: the share of its engine that its sessions take, as /v1/info says; 1 is full."""

PLACES = "places"
"""Of a replica: the sessions that it holds at most."""

LOOK_BACK_S = 20.0
"""The highest load of so many seconds counts for the number of replicas."""


class Context(Protocol):
    """Of Serve's AutoscalingContext what is read here; a simulated fleet, which has no Ray, asks with its own."""

    @property
    def aggregated_metrics(self) -> Mapping[str, Mapping[Any, float]] | None: ...

    @property
    def running_replicas(self) -> Sequence[Any]: ...

    @property
    def target_num_replicas(self) -> int: ...


def count_replicas(loads: list[float], places: list[float], warm_room: int) -> int:
    """Replicas for what ``loads`` add up to, and for ``warm_room`` more sessions. With a warm room of 0 there is one
    more as soon as all are full."""
    typical = sum(places) / len(places)
    return math.ceil(sum(loads) + max(warm_room, 0.01) / max(typical, 1.0) - 1e-6)


class WarmRoom:
    """The policy. Replicas that have not reported yet, as just after a start of Serve's controller, leave the number as
    it is: nobody's card is taken away because a figure is missing."""

    def __init__(self, warm_room: int = 1) -> None:
        self._warm_room = warm_room

    def __call__(self, context: Context) -> tuple[int, dict[str, object]]:
        metrics = context.aggregated_metrics or {}
        loads, places = metrics.get(LOAD, {}), metrics.get(PLACES, {})
        if not places:
            return max(context.target_num_replicas, 1), {}
        wanted = count_replicas(list(loads.values()), list(places.values()), self._warm_room)
        if any(each not in loads for each in context.running_replicas):
            wanted = max(wanted, context.target_num_replicas)
        return max(wanted, 1), {}
