"""A replica of a simulated fleet: it admits, and says what room it has, as a server does."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import cast

from livehead.bench.fleet.callers import Caller
from livehead.core.latency_choice import AUTO
from livehead.engine.capacity.model import Capacity
from livehead.engine.host.host import EngineHost
from livehead.fleet.directory import ReplicaState
from livehead.fleet.ray.autoscaling import LOOK_BACK_S
from livehead.fleet.reading import Reading
from livehead.sessions.admission.admission import Admission


@dataclass(frozen=True, slots=True)
class Measured:
    """What admission asks of an engine: what it was measured to hold."""

    capacity: Capacity


class SimulatedReplica:
    """``state`` is what whoever started it says. ``alive`` is false from its death on, also while the directory does
    not know of that yet. ``callers`` are those whose sessions it holds, ``places`` how many it holds at most; ``load``
    is the share that is given away, of the engine or of the sessions that the settings allow, and ``room`` how many
    more fit at ``auto``."""

    def __init__(self, name: str, capacity: Capacity, limit: int | None) -> None:
        self.name = name
        self.state: ReplicaState = "starting"
        self.alive = True
        self.callers: dict[Caller, None] = {}
        self._admission = Admission(limit, cast("EngineHost", Measured(capacity)))
        self.places = self._admission.most or 1
        self.load = 0.0
        self.room = self.places
        self._taken: Counter[str] = Counter()
        self._said = 0.0
        self._before: deque[tuple[float, float]] = deque()

    def admit(self, caller: Caller) -> bool:
        """Whether it takes one more. One that drains, or is dead, takes none."""
        if self.state != "ready" or not self.alive or self._admission.refuse(self._taken, caller.latency):
            return False
        self._taken[caller.latency] += 1
        self.callers[caller] = None
        self._changed()
        return True

    def leave(self, caller: Caller) -> None:
        """Its session has ended."""
        self._taken[caller.latency] -= 1
        del self.callers[caller]
        self._changed()

    def read(self, now: float) -> Reading:
        """What it says of itself, as /v1/info does."""
        if self.load != self._said:
            self._before.append((now, self._said))
            self._said = self.load
        engine = self._admission.load(self._taken)
        sessions = {
            "active": self._taken.total(),
            "max": self._admission.most,
            "load": None if engine is None else round(engine, 3),
            "by_preset": self._admission.describe(self._taken, self._taken),
            "auto": self._admission.describe_auto(self._taken),
        }
        return Reading(None, {"sessions": sessions, "default_latency": AUTO})

    def peak(self, now: float) -> float:
        """The highest load that it has said in the last :data:`LOOK_BACK_S` seconds."""
        while self._before and self._before[0][0] <= now - LOOK_BACK_S:
            self._before.popleft()
        return max(self._said, *(load for _, load in self._before)) if self._before else self._said

    def _changed(self) -> None:
        self.load = max(self._admission.load(self._taken) or 0.0, self._taken.total() / self.places)
        auto = self._admission.describe_auto(self._taken)
        self.room = 0 if auto is None else auto["room"]
