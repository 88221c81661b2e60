"""Twice what fits, and then what fits again, at a real worker with a step that takes its time."""

from __future__ import annotations

import asyncio

from livehead.bench.load.portraits import TintedPortraits
from livehead.bench.load.results import LoadRecord
from livehead.bench.load.simulated_load import SimulatedLoad
from livehead.bench.load.simulated_session import SimulatedSession, WindowSpec
from livehead.engine.base import EngineSpec
from livehead.engine.host.host import EngineHost

STEP_S = 0.02
SHAPE = WindowSpec("throughput", 4, 1, 0.59)
"""A stream asks for a step every 160 ms: eight fit."""


def share(callers: list[SimulatedSession]) -> float:
    return sum(caller.in_time for caller in callers) / sum(caller.asked for caller in callers)


async def test_overload_is_shared_and_ends_by_itself() -> None:
    faces = TintedPortraits(1)

    async def hold(host: EngineHost, streams: int, seconds: float, after: float = 0.0) -> LoadRecord:
        await asyncio.sleep(after)
        return await SimulatedLoad(host, SHAPE, streams, churn_s=None, seed=streams, faces=faces).hold(seconds)

    async with EngineHost(EngineSpec("fakes:create", {"step_seconds": STEP_S, "max_batch": 1})) as host:
        await host.ready()
        staying = asyncio.create_task(hold(host, 5, 4.0))
        guests = await hold(host, 11, 1.8, after=0.4)  # 16 with those who stay
        later = await hold(host, 1, 1.0, after=0.2)
        stayed = await staying
    crowd = [*stayed.callers, *guests.callers]
    assert guests.dropped["late"] > 0
    assert share(guests.callers) < 0.9  # it was too much …
    assert min(caller.in_time / caller.asked for caller in crowd) > 0.25  # … nobody starved …
    assert share(later.callers) > 0.9  # … and it is over
    assert share(stayed.callers) > share(guests.callers)
    assert (stayed.faults, stayed.restarts) == (0, 0)
