"""A client's whole process stands still, as on a machine that sleeps, and goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from api.conftest import FAKE
from fault_rows import Recovery
from serving import serving
from waiting import PATIENCE, until

SLEEPER = Path(__file__).with_name("sleeper.py")

BLOCK_S = 0.04

BURST = 20
"""Pictures in the first half second after waking, where 12 come in time."""


@dataclass(frozen=True)
class Seen:
    at: float
    k: int
    session: str

    @property
    def late(self) -> float:
        """Seconds, from an origin that is the same for all pictures of a session."""
        return self.at - self.k * BLOCK_S


@dataclass
class Sleeper:
    process: Process
    seen: list[Seen] = field(default_factory=list)

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            at, k, session = line.split()
            self.seen.append(Seen(float(at), int(k), session.decode()))

    async def sleep(self, seconds: float) -> float:
        """Returns when it woke, in monotonic seconds."""
        self.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)
        return time.monotonic()

    async def awake(self, since: float, within: float) -> list[Seen]:
        """The pictures after waking, once there are some for three seconds."""
        await until(lambda: len([each for each in self.seen if each.at > since]) > 75, within)
        return [each for each in self.seen if each.at > since]


@contextlib.asynccontextmanager
async def sleeping(url: str) -> AsyncIterator[Sleeper]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SLEEPER), url, stdout=PIPE, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    sleeper = Sleeper(process)
    reading = asyncio.create_task(sleeper.read())
    try:
        await until(lambda: len(sleeper.seen) > 50, 20)
        yield sleeper
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        await process.wait()
        await reading


def lateness(seen: list[Seen]) -> float:
    return median(each.late for each in seen)


def no_burst(woken: list[Seen], since: float) -> None:
    first = [each.at for each in woken if each.at < since + 0.5]
    assert len(first) <= BURST, "what came while it slept is not played"
    steady = woken[-50:]
    assert max(after.at - before.at for before, after in pairwise(steady)) < 0.5 * PATIENCE


@pytest.mark.fault(
    "client",
    "A client of the Python package is stopped for 4 s",
    "The same session goes on with what is now; nothing that is old is played, and the delay has not grown.",
    within=1.5,
)
async def test_a_short_sleep(recovery: Recovery) -> None:
    async with serving(FAKE, silence_timeout=10) as served, sleeping(served.url) as sleeper:
        usual = lateness(sleeper.seen[-25:])
        woke = await sleeper.sleep(4.0)
        woken = await sleeper.awake(woke, 15)
        no_burst(woken, woke)
        assert {each.session for each in woken} == {sleeper.seen[0].session}
        late = lateness(woken[-25:]) - usual
        assert late < 0.2 * PATIENCE
        fresh = next(each for each in woken if abs(each.late - usual) < 0.2 * PATIENCE)
    recovery(f"pictures of now, {late * 1000:+.0f} ms later than before the sleep", fresh.at - woke)


@pytest.mark.fault(
    "client",
    "A client of the Python package is stopped for a minute",
    "Its session ends meanwhile and its place is free; when it wakes, it reconnects by itself, without a burst.",
    within=3.0,
)
@pytest.mark.soak
async def test_a_minute_of_sleep(recovery: Recovery) -> None:
    async with serving(FAKE, silence_timeout=10) as served, sleeping(served.url) as sleeper:
        before = sleeper.seen[-1].session
        sleeper.process.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        await served.settled(within=15)
        await asyncio.sleep(max(0.0, stopped + 60 - time.monotonic()))
        sleeper.process.send_signal(signal.SIGCONT)
        woke = time.monotonic()
        woken = await sleeper.awake(woke, 20)
        no_burst([each for each in woken if each.session != before], woke)
        first = next(each for each in woken if each.session != before)
    recovery("pictures again, in a new session", first.at - woke)
