"""Days of a simulated fleet."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livehead.bench.fleet.callers import Caller, callers
from livehead.bench.fleet.cost import formula
from livehead.bench.fleet.day import run
from livehead.bench.fleet.plan import FleetDay
from livehead.bench.fleet.simulated_replica import SimulatedReplica
from livehead.bench.fleet.simulation import Simulation
from livehead.bench.fleet.table import table
from livehead.fleet.ray.plan import FleetPlan

PLACES = {"low": 2, "balanced": 4, "throughput": 6}


def hours(calls: int, least: int, most: int, warm: int, **given: Any) -> FleetDay:
    """Three hours of a fleet of small replicas."""
    fleet = FleetPlan(replicas=f"{least}-{most}", warm_room=warm, downscale_seconds=120)
    return FleetDay(**{"calls": calls, "hours": 3, "places": PLACES, "fleet": fleet, **given})


@pytest.fixture(scope="module")
def busy() -> dict[str, Any]:
    """More calls than the fleet holds, and replicas that die every hour."""
    return run(hours(400, 1, 2, 2, mtbf_h=1.0, seed=3))


def test_no_call_is_lost_sight_of(busy: dict[str, Any]) -> None:
    day = busy["day"]
    assert day["calls"] == 400 == day["refused"] + day["ended"] + day["lost"]
    assert day["refused"] > 0
    assert day["failures"] > 3
    assert day["cut"] > day["lost"]
    for name in ("calls", "refused", "cut", "lost", "failures"):
        assert sum(row[name] for row in busy["hours"]) == day[name]
    assert sum(day["room"].values()) == pytest.approx(1, abs=1e-4)
    assert day["most_replicas"] >= 2
    assert day["call_hours"] < 6 * sum(day["replica_hours"].values())
    assert day["gap_s"]["p50"] >= busy["back_s"][0]


def test_the_same_seed_gives_the_same_day(busy: dict[str, Any]) -> None:
    again = run(hours(400, 1, 2, 2, mtbf_h=1.0, seed=3))
    assert json.dumps(again) == json.dumps(busy)
    assert run(hours(400, 1, 2, 2, mtbf_h=1.0, seed=4))["day"] != busy["day"]


def test_the_table_has_a_row_for_each_hour_and_ends_with_the_cost(busy: dict[str, Any]) -> None:
    lines = table(busy).splitlines()
    assert [line.split()[0] for line in lines[3:7]] == ["0", "1", "2", "day"]
    assert formula(busy["cost"]) in lines[-1]


def test_more_warm_room_means_fewer_refused_and_more_replica_hours() -> None:
    """60 calls in a minute: callers wait half a minute for a place, and a replica takes a whole one to start."""
    tallies = []
    for warm in (1, 40, 100):
        simulation = Simulation(hours(0, 1, 40, warm, start_s=60.0, mtbf_h=0.0), random.Random(1))
        for number in range(60):
            simulation.call(Caller(300.0 + number, 600.0, "auto"))
        simulation.run(until=1500.0)
        tallies.append(simulation.tally)
    refused = [tally.refused for tally in tallies]
    assert refused[0] > refused[1] > refused[2] == 0
    took = [tally.cards.total() for tally in tallies]
    assert took[0] < took[1] < took[2]
    assert set(tallies[2].waits) == {0.0}


def test_a_drain_ends_no_call() -> None:
    day = run(hours(150, 1, 10, 12, mtbf_h=0.0))["day"]
    assert day["replica_hours"]["draining"] > 0
    assert (day["cut"], day["lost"], day["refused"]) == (0, 0, 0)
    assert day["ended"] == 150


def test_a_fleet_of_one_number_stays_as_it_is() -> None:
    day = run(hours(100, 2, 2, 5, mtbf_h=0))["day"]
    assert day["most_replicas"] == 2
    assert set(day["replica_hours"]) == {"ready"}


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), most=st.integers(1, 5), limit=st.sampled_from([None, 3]))
def test_no_replica_holds_more_than_it_has_room_for(seed: int, most: int, limit: int | None) -> None:
    plan = hours(100, 1, most, 2, mtbf_h=0.5, seed=seed, limit=limit, hours=1)
    simulation = Simulation(plan, random.Random(seed))
    for caller in callers(plan, random.Random(seed)):
        simulation.call(caller)
    for minute in range(1, 61):
        simulation.run(until=60.0 * minute)
        for each in simulation.replicas.values():
            chosen = Counter(caller.latency for caller in each.callers)
            taken = sum(count / PLACES.get(latency, 6) for latency, count in chosen.items())
            assert taken <= 1 + 1e-9
            assert len(each.callers) <= (limit or 6)
        held = sum(len(each.callers) for each in simulation.replicas.values())
        assert held == simulation.live
        tally = simulation.tally
        assert tally.calls == simulation.live + simulation.seeking + tally.ended + tally.refused + tally.lost


def test_one_that_drains_or_is_dead_takes_nobody() -> None:
    simulation = Simulation(hours(0, 1, 1, 0), random.Random(1))
    replica: SimulatedReplica = simulation.replicas["r1"]
    caller = Caller(0.0, 60.0, "low")
    assert replica.admit(caller)
    replica.leave(caller)
    replica.state = "draining"
    assert not replica.admit(caller)
    replica.state, replica.alive = "ready", False
    assert not replica.admit(caller)
    assert replica.room == 6
