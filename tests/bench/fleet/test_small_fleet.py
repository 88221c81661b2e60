"""The fleets that the tests of the real one measure, simulated: three replicas with eight sessions, one of which is
killed; and one that grows from one replica to three, and shrinks."""

from __future__ import annotations

import random
from collections import Counter

from livehead.bench.fleet.callers import Caller
from livehead.bench.fleet.plan import FleetDay
from livehead.bench.fleet.simulation import Simulation
from livehead.fleet.ray.plan import FleetPlan

PREVIEW = {"low": 8, "balanced": 8, "throughput": 8}


def fleet(plan: FleetPlan, limit: int | None = None, start_s: float = 10.0) -> Simulation:
    day = FleetDay(fleet=plan, places=PREVIEW, limit=limit, start_s=start_s, mtbf_h=0)
    return Simulation(day, random.Random(1))


def test_three_replicas_with_eight_sessions_and_one_is_killed() -> None:
    simulation = fleet(FleetPlan(replicas="3"))
    sessions = [Caller(2.0 + number / 10, 3600.0, "low") for number in range(8)]
    for session in sessions:
        simulation.call(session)
    simulation.run(until=10.0)
    first = dict(simulation.went)
    spread = Counter(first.values())
    assert sorted(spread.values()) == [2, 3, 3]
    lost = next(name for name, count in spread.items() if count == 3)
    simulation.kill(lost, 10.5)
    simulation.run(until=15.5)
    assert simulation.tally.cut == spread[lost] == 3
    assert simulation.tally.lost == 0
    last = dict(simulation.went)
    for session in sessions:
        assert (last[session] == first[session]) == (first[session] != lost), "the others stay where they are"
    assert len(simulation.replicas) == 3
    assert lost not in simulation.replicas
    assert sorted(len(each.callers) for each in simulation.replicas.values()) == [0, 4, 4]
    simulation.run(until=23.5)
    assert [each.state for each in simulation.replicas.values()] == ["ready"] * 3
    assert max(simulation.tally.gaps) <= 5.0


def test_it_grows_ahead_of_its_load_and_shrinks_after() -> None:
    """Two sessions a replica, and room for two more at all times."""
    plan = FleetPlan(replicas="1-3", warm_room=2, downscale_seconds=3)
    simulation = fleet(plan, limit=2)
    for at, length in ((1.0, 59.0), (21.0, 39.0), (41.0, 19.0), (41.5, 118.5)):
        simulation.call(Caller(at, length, "low"))
    ready = []
    for second in range(1, 200):
        simulation.run(until=float(second))
        ready.append(sum(each.state == "ready" for each in simulation.replicas.values()))
    assert ready.index(2) <= 1 + 5 + 2 + 10
    assert max(ready) == 3
    assert simulation.tally.refused == simulation.tally.cut == 0
    assert set(simulation.tally.waits) == {0.0}
    shrinks = 60 + 20 + 3
    assert ready[shrinks - 3] == 3
    assert ready[shrinks + 2] < 3
    assert simulation.live == 0
    assert ready[-1] == 1
