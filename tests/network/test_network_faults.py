"""The network of a call with the Python client is cut, or changes under it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from lab import LINKS, Site
from tun_link import Weather

from fault_rows import Recovery
from livehead.client import Call, Livehead
from waiting import PATIENCE, until

LINK = LINKS[0]
FAIR = Weather(delay_ms=10)

pytestmark = pytest.mark.may_block("it makes links")

STEADY = 25
"""So many pictures in a row, each at most a tenth of a second after the one before, count as well again."""


class Watched:
    """``arrivals`` are the times of the pictures."""

    def __init__(self, site: Site, call: Call) -> None:
        self.site = site
        self.call = call
        self.arrivals: list[float] = []

    async def watch(self) -> None:
        async for _ in self.call.media():
            self.arrivals.append(time.monotonic())

    async def cut(self, seconds: float) -> float:
        """Nothing passes for so long; when it passes again."""
        self.site.lab.set(LINK, Weather(loss=1.0))
        await asyncio.sleep(seconds)
        self.site.lab.set(LINK, FAIR)
        return time.monotonic()

    async def back(self, since: float, within: float) -> float:
        """Seconds from ``since`` to the first of a second of steady pictures."""
        await until(lambda: self._first(since) is not None, within)
        first = self._first(since)
        assert first is not None
        return first - since

    def _first(self, since: float) -> float | None:
        seen = [at for at in self.arrivals if at > since]
        for begin in range(len(seen) - STEADY):
            run = seen[begin : begin + STEADY]
            if max(after - before for before, after in pairwise(run)) < 0.1 * PATIENCE:
                return run[0]
        return None


@contextlib.asynccontextmanager
async def calling(site: Site) -> AsyncIterator[Watched]:
    """A call from the far end of the link, which talks. All that this block opens is there."""
    site.lab.set(LINK, FAIR)
    with site.lab.inside(LINK):
        async with (
            Livehead(f"http://{site.lab.host(LINK)}:{site.port}") as server,
            server.call(source="mic", latency="low") as call,
        ):
            watched = Watched(site, call)
            task = asyncio.create_task(watched.watch())
            await until(lambda: len(watched.arrivals) > 50)
            yield watched
            assert call.state == "closed" or not task.done(), "the media go on"
        await asyncio.wait([task])
        await task


async def delay(call: Call) -> float:
    """Of the session, in the server, in milliseconds."""
    stats = (await call.stats())["stats"]
    return float(stats["delay_ms"])


@pytest.mark.fault(
    "network",
    "Nothing passes for 5 s",
    "The picture stands still; then the same session goes on, with the delay that it had before.",
    within=1.0,
)
async def test_a_cut_of_five_seconds(site: Site, recovery: Recovery) -> None:
    async with calling(site) as watched:
        session, before = watched.call.id, await delay(watched.call)
        ended = await watched.cut(5.0)
        back = await watched.back(ended, 10)
        assert watched.call.id == session, "the same session"
        after = await delay(watched.call)
        assert after <= max(before, 100.0) + 60.0
    recovery(f"pictures without a gap; {before:.0f} ms of delay in the server before, {after:.0f} ms after", back)


@pytest.mark.fault(
    "network",
    "Nothing passes for a minute",
    "The picture stands still; then the client reconnects by itself, and another session goes on.",
    within=8.0,
)
@pytest.mark.soak
async def test_a_cut_of_a_minute(site: Site, recovery: Recovery) -> None:
    async with calling(site) as watched:
        session = watched.call.id
        ended = await watched.cut(60.0)
        back = await watched.back(ended, 30)
        assert watched.call.id != session
        assert watched.call.state == "live"
    recovery("pictures without a gap, in a new session", back)


@pytest.mark.fault(
    "network",
    "A client of the Python package gets another address, as from Wi-Fi to mobile",
    "The picture stands still; the client finds that its address is gone, and another session goes on.",
    within=3.0,
)
async def test_another_address(site: Site, recovery: Recovery) -> None:
    async with calling(site) as watched:
        session, moved = watched.call.id, time.monotonic()
        try:
            site.lab.move(LINK, 3)
            back = await watched.back(moved, 20)
            assert watched.call.id != session
        finally:
            await watched.call.close()
            site.lab.move(LINK, 2)
    recovery("pictures without a gap, in a new session", back)
