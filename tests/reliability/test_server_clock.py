"""The server's wall clock is set by an hour, forwards and back, in the middle of a call."""

from __future__ import annotations

import time

import pytest

from api.conftest import FAKE
from fault_rows import Recovery
from reliability.talkers import talking
from serving import serving
from waiting import PATIENCE, until

HOUR = 3600.0
WATCHED_S = 1.0

CLIENT_BUSY_S = 0.3
"""This process is the client's too, and the pictures of a busy one come late."""


@pytest.mark.fault(
    "server",
    "The clock is stepped by an hour",
    "Nothing: pictures and sound go on, and the data channel is as quick as before.",
)
async def test_the_clock_is_set(monkeypatch: pytest.MonkeyPatch, recovery: Recovery) -> None:
    wall, set_by = time.time, [0.0]
    monkeypatch.setattr("time.time", lambda: wall() + set_by[-1])
    async with serving(FAKE, heartbeat_seconds=5.0) as served, talking(served, 1) as talkers:
        (talker,) = talkers
        (session,) = served.services.registry.sessions
        began, told_before = time.monotonic(), list(talker.states)
        for offset in (HOUR, 0.0, -HOUR, 0.0):
            set_by.append(offset)
            step, told = time.monotonic(), len(talker.caller.figures)
            await until(lambda step=step: time.monotonic() - step > WATCHED_S, 10)  # type: ignore[misc]
            await until(lambda told=told: len(talker.caller.figures) > told + 1, 10)  # type: ignore[misc]
            await until(lambda step=step: talker.moved()[-1] > step + WATCHED_S, 10)  # type: ignore[misc]
        still = max((end - begin for begin, end in talker.stood_still(began)), default=0.0)
        assert still < CLIENT_BUSY_S * PATIENCE
        assert talker.missed(began) < CLIENT_BUSY_S * PATIENCE
        assert talker.states == told_before
        assert [each.id for each in served.services.registry.sessions] == [session.id]
    recovery("no standstill, no reconnect, four steps")
