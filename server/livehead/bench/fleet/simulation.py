"""A fleet and its callers in simulated time. Where a session goes, who is let in, and how many replicas there are is
decided by the fleet's own code; what is simulated are callers, time, and replicas that start and die."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from itertools import count

from livehead.bench.fleet.callers import Caller
from livehead.bench.fleet.plan import FleetDay
from livehead.bench.fleet.scaling import Scaling
from livehead.bench.fleet.simulated_replica import SimulatedReplica
from livehead.bench.fleet.tally import Tally
from livehead.client.transport.back_off import FIRST_S, LONGEST_S
from livehead.engine.capacity.model import Capacity
from livehead.fleet.directory import MemoryDirectory
from livehead.fleet.ingress.placing import Placing
from livehead.fleet.placements import Placements
from livehead.sessions.admission.admission import RETRY_S

READ_S = 1.0
"""How often a replica is read, and the number of replicas is looked at."""


class Simulation:
    """``tally`` is what is counted now; put another one in its place when its hour is over. ``replicas`` are those that
    hold a card, by name, and ``went`` where each call was placed, in order. ``live`` callers have a place, and
    ``seeking`` ones look for one."""

    def __init__(self, plan: FleetDay, chance: random.Random) -> None:
        self.tally = Tally()
        self.replicas: dict[str, SimulatedReplica] = {}
        self.went: list[tuple[Caller, str]] = []
        self.now = 0.0
        self.live = 0
        self.seeking = 0
        self._plan = plan
        self._chance = chance
        self._capacity = Capacity(plan.places)
        self._directory = MemoryDirectory()
        self._placements = Placements()
        self._placing = Placing(self._directory, self._placements)
        self._scaling = Scaling(plan.fleet)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._names = count(1)
        self._stale: dict[str, None] = {}
        for _ in range(plan.fleet.least):
            self._ready(self._start())
        self._at(0.0, self._look)

    def call(self, caller: Caller) -> None:
        """Somebody will call."""
        self._at(caller.at, lambda: self._open(caller))

    def kill(self, name: str, at: float) -> None:
        """A replica will die."""
        self._at(at, lambda: self._die(self.replicas[name]))

    def run(self, *, until: float) -> None:
        """Go on until then."""
        while self._events and self._events[0][0] < until:
            self.now, _, event = heapq.heappop(self._events)
            event()
        self.now = until

    # -- callers

    def _open(self, caller: Caller) -> None:
        self.tally.calls += 1
        self.seeking += 1
        self._seek(caller)

    def _seek(self, caller: Caller) -> None:
        """Look for a place from now on."""
        caller.seeks, caller.wait = self.now, FIRST_S
        self._try(caller)

    def _try(self, caller: Caller) -> None:
        if self.now >= caller.ends:
            self._give_up(caller)
        elif (replica := self._place(caller)) is not None:
            self._settle(caller, replica)
        else:
            wait = max(RETRY_S, caller.wait * self._chance.uniform(0.5, 1.0))
            caller.wait = min(2 * caller.wait, LONGEST_S)
            if self.now + wait <= caller.seeks + self._plan.patience_s:
                self._at(self.now + wait, lambda: self._try(caller))
            else:
                self._give_up(caller)

    def _give_up(self, caller: Caller) -> None:
        self.seeking -= 1
        if caller.since is None:
            self.tally.refused += 1
        else:
            self.tally.lost += 1

    def _place(self, caller: Caller) -> SimulatedReplica | None:
        """As the ingress does: the best that has room, and past one that refuses the next."""
        tried: set[str] = set()
        while (found := self._placing.next(caller.latency, tried)) is not None:
            tried.add(found.name)
            placement = self._placements.begin(found.name, caller.latency)
            replica = self.replicas.get(found.name)
            if replica is not None and replica.admit(caller):
                self._placements.settle(placement, self.now)
                self._stale[found.name] = None
                return replica
            self._placements.drop(placement)
        return None

    def _settle(self, caller: Caller, replica: SimulatedReplica) -> None:
        if caller.since is None:
            self.tally.waits.append(self.now - caller.at)
            caller.ends = self.now + caller.length
        else:
            self.tally.gaps.append(self.now - caller.since)
        caller.since = self.now
        self.went.append((caller, replica.name))
        self.live, self.seeking = self.live + 1, self.seeking - 1
        self.tally.most = max(self.tally.most, self.live)
        self._at(caller.ends, lambda: self._hang_up(caller, replica))

    def _hang_up(self, caller: Caller, replica: SimulatedReplica) -> None:
        if caller not in replica.callers:
            return  # it has been cut meanwhile
        self._take_away(caller, replica)
        self.tally.ended += 1
        if replica.state == "draining" and not replica.callers:
            self._remove(replica)

    def _take_away(self, caller: Caller, replica: SimulatedReplica) -> None:
        replica.leave(caller)
        assert caller.since is not None
        self.tally.talked += self.now - caller.since
        self.live -= 1
        self._stale[replica.name] = None

    # -- replicas

    def _look(self) -> None:
        """Once a second: read the replicas, follow the load, count."""
        for name in self._stale:
            if (replica := self.replicas.get(name)) is not None and replica.alive:
                self._directory.record(name, replica.read(self.now))
                self._placements.read(name, self.now)
        self._stale.clear()
        there = self.replicas.values()
        self.tally.room[sum(each.room for each in there if each.state == "ready" and each.alive)] += 1
        self.tally.most_replicas = max(self.tally.most_replicas, len(self.replicas))
        for each in there:
            self.tally.cards[each.state] += 1
        self._scale(
            [each for each in there if each.state == "ready"], [each for each in there if each.state == "starting"]
        )
        self._at(self.now + READ_S, self._look)

    def _scale(self, ready: list[SimulatedReplica], starting: list[SimulatedReplica]) -> None:
        loads = {each.name: each.peak(self.now) for each in ready}
        target = self._scaling.look(loads, {each.name: float(each.places) for each in ready}, self.now)
        for _ in range(target - len(ready) - len(starting)):
            replica = self._start()
            self._at(self.now + self._plan.start_s, lambda replica=replica: self._ready(replica))  # type: ignore[misc]
        for replica in [*starting[::-1], *ready[::-1]][: max(0, len(ready) + len(starting) - target)]:
            self._drain(replica)  # the newest first, as Serve does on machines that are alike

    def _start(self) -> SimulatedReplica:
        name = f"r{next(self._names)}"
        self.replicas[name] = replica = SimulatedReplica(name, self._capacity, self._plan.limit)
        self._directory.add(name, f"http://{name}", "starting")
        if self._plan.mtbf_h:
            life = self._chance.expovariate(1 / (3600 * self._plan.mtbf_h))
            self._at(self.now + life, lambda: self._die(replica))
        return replica

    def _ready(self, replica: SimulatedReplica) -> None:
        if self.replicas.get(replica.name) is replica and replica.alive and replica.state == "starting":
            replica.state = "ready"
            self._directory.change(replica.name, "ready")
            self._directory.record(replica.name, replica.read(self.now))

    def _drain(self, replica: SimulatedReplica) -> None:
        replica.state = "draining"
        self._directory.change(replica.name, "draining")
        if not replica.callers:
            self._remove(replica)

    def _die(self, replica: SimulatedReplica) -> None:
        if self.replicas.get(replica.name) is not replica or not replica.alive:
            return
        replica.alive = False
        self.tally.failures += 1
        for caller in list(replica.callers):
            self._take_away(caller, replica)
            self.tally.cut += 1
            self.seeking += 1
            caller.since = self.now
            self._at(self.now + self._chance.uniform(*self._plan.back_s), lambda caller=caller: self._seek(caller))  # type: ignore[misc]
        self._at(self.now + self._plan.noticed_s, lambda: self._remove(replica))

    def _remove(self, replica: SimulatedReplica) -> None:
        self.replicas.pop(replica.name, None)
        self._directory.remove(replica.name)
        self._placements.forget(replica.name)

    def _at(self, when: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), event))
