"""A day of a fleet, simulated in seconds."""

from __future__ import annotations

import random
from typing import Any

from livehead.bench.fleet.callers import callers
from livehead.bench.fleet.cost import costs
from livehead.bench.fleet.plan import FleetDay
from livehead.bench.fleet.simulation import Simulation
from livehead.bench.fleet.tally import Tally


def run(plan: FleetDay) -> dict[str, Any]:
    """A row for each hour, and one for all of them. Calls that go on past the end of the day are followed to theirs, in
    its last row. Deterministic."""
    chance = random.Random(plan.seed)
    simulation = Simulation(plan, random.Random(chance.random()))
    for caller in callers(plan, random.Random(chance.random())):
        simulation.call(caller)
    rows: list[Tally] = []
    for hour in range(plan.hours):
        simulation.tally = Tally(most=simulation.live)
        simulation.run(until=(hour + 1) * 3600.0)
        rows.append(simulation.tally)
    while simulation.live or simulation.seeking:
        simulation.run(until=simulation.now + 60.0)
    day = Tally.sum(rows)
    warm = plan.fleet.warm_room
    return {
        "seed": plan.seed,
        "replicas": plan.fleet.replicas,
        "warm_room": warm,
        "upscale_s": plan.fleet.upscale_seconds,
        "downscale_s": plan.fleet.downscale_seconds,
        "start_s": plan.start_s,
        "mtbf_h": plan.mtbf_h,
        "back_s": plan.back_s,
        "patience_s": plan.patience_s,
        "call_s": plan.call_s,
        "busiest": plan.busiest,
        "burst": plan.burst,
        "mix": dict(plan.mix),
        "places": dict(plan.places),
        "hours": [{"hour": hour, **row.figures(warm)} for hour, row in enumerate(rows)],
        "day": day.figures(warm),
        "cost": costs(plan, day),
    }
