"""Twice what fits, and then what fits again, at a real worker with a step that takes its time."""

from __future__ import annotations

import asyncio

import pytest

from livehead.bench.load.portraits import TintedPortraits
from livehead.bench.load.results import LoadRecord
from livehead.bench.load.simulated_load import SimulatedLoad
from livehead.bench.load.simulated_session import SimulatedSession, WindowSpec
from livehead.engine.base import EngineSpec
from livehead.engine.host.host import EngineHost

STEP_S = 0.02
SPEC = WindowSpec("throughput", 4, 1, 0.59)
"""A stream asks for a step every 160 ms: eight fit."""


def share(sessions: list[SimulatedSession]) -> float:
    return sum(session.in_time for session in sessions) / sum(session.asked for session in sessions)


@pytest.mark.soak
async def test_overload_is_shared_and_ends_by_itself() -> None:
    portraits = TintedPortraits(1)

    async def hold(host: EngineHost, streams: int, seconds: float, after: float = 0.0) -> LoadRecord[SimulatedSession]:
        await asyncio.sleep(after)
        return await SimulatedLoad(host, SPEC, streams, churn_s=None, seed=streams, portraits=portraits).hold(seconds)

    async with EngineHost(EngineSpec("fakes:create", {"step_seconds": STEP_S, "max_batch": 1})) as host:
        await host.ready()
        staying = asyncio.create_task(hold(host, 5, 4.0))
        guests = await hold(host, 11, 1.8, after=0.4)  # 16 with those who stay
        later = await hold(host, 1, 1.0, after=0.2)
        stayed = await staying
    everybody = [*stayed.sessions, *guests.sessions]
    assert guests.dropped["late"] > 0
    assert share(guests.sessions) < 0.9  # it was too much …
    assert min(session.in_time / session.asked for session in everybody) > 0.25  # … nobody starved …
    assert share(later.sessions) > 0.9  # … and it is over
    assert share(stayed.sessions) > share(guests.sessions)
    assert (stayed.faults, stayed.restarts) == (0, 0)
