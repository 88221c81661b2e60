"""Clients that come and go, well and badly: what the server holds keeps level, by its slope."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from light_caller import LightCaller
from PIL import ImageEnhance
from watched_server import WatchedServer, watched

import pictures
from fault_rows import Recovery
from livehead.bench.soak.holdings import Holdings, growths, holdings
from waiting import PATIENCE, patient

SDP = {"Content-Type": "application/sdp"}
WARM_UP = 0.3
SAMPLES = 40
SETTLED_S = 8.0
"""After so long without a call what calls left behind was collected (livehead/garbage.py)."""

TOGETHER = 5
"""So many vanish before the server has seen that the first is gone."""

ROOMY = {
    "LIVEHEAD_MAX_SESSIONS_PER_ADDRESS": "1000",
    "LIVEHEAD_MAX_PENDING_PER_ADDRESS": "1000",
    "LIVEHEAD_MAX_CONNECTIONS_PER_ADDRESS": "1000",
    "LIVEHEAD_OFFERS_PER_SECOND": "1000",
    "LIVEHEAD_UPLOADS_PER_MINUTE": "100000",
    "LIVEHEAD_SILENCE_TIMEOUT": "2",
}


@dataclass
class Cycles:
    """``seen`` is what the server held at times, ``tasks`` those of its event loop before and after."""

    server: WatchedServer
    client: httpx.AsyncClient
    seen: list[Holdings] = field(default_factory=list)
    before: Counter[str] = field(default_factory=Counter)

    async def run(self, number: int, once: Callable[[int], Awaitable[None]], every: int | None = None) -> None:
        """So often, with a look at the server after ``every`` so many, and whether all is as it was before."""
        await once(-1)  # what is made once
        await self._settle()
        self.before = await asyncio.to_thread(self.server.tasks)
        every = every or max(1, number // SAMPLES)
        for each in range(number):
            await once(each)
            if (each + 1) % every == 0:
                self.seen.append(await asyncio.to_thread(holdings, self.server.process.pid))
        await self._settle()
        self.seen.append(await asyncio.to_thread(holdings, self.server.process.pid))

    async def check(self) -> str:
        """What was held in the end; fails where any of it grew."""
        found = growths(self.seen, WARM_UP)
        print("\n".join(map(str, found)))
        last, first = self.seen[-1], self.seen[0]
        print(f"memory {first.memory:.0f} to {last.memory:.0f} MB, at most {max(h.memory for h in self.seen):.0f} MB")
        assert not [str(each) for each in found if each.leaks]
        tasks = await asyncio.to_thread(self.server.tasks)
        assert tasks - self.before == Counter(), "tasks are left over"
        grown = next(each for each in found if each.resource.name == "memory").grown
        return (
            f"memory {grown:+.1f} MB from {found[0].begin:.0f}, {last.descriptors} descriptors, {last.threads} threads"
        )

    async def empty(self) -> None:
        """Wait until nobody is there."""
        async with patient(30):
            while (await self.client.get("/v1/info")).json()["sessions"]["active"]:  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    async def _settle(self) -> None:
        await self.empty()
        await asyncio.sleep(SETTLED_S)


@contextlib.asynccontextmanager
async def cycling(folder: Path) -> AsyncIterator[Cycles]:
    with watched(folder, "--size", "64", large=True, **ROOMY) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=20 * PATIENCE) as client:
            yield Cycles(server, client)
        assert "Traceback" not in server.log.read_text()


async def connect(client: httpx.AsyncClient, caller: LightCaller, path: str) -> str:
    """Offer, and wait for the first picture; returns where the session or the viewer is."""
    answer = await client.post(path, content=await caller.offer(), headers=SDP)
    assert answer.status_code == 201, answer.text
    await caller.accept(answer.text)
    async with patient(10):
        while not caller.pictures:  # noqa: ASYNC110 - it is the network that is waited for
            await asyncio.sleep(0.01)
    return str(answer.headers["location"])


def connects(cycles: Cycles) -> Callable[[int], Awaitable[None]]:
    async def once(_: int) -> None:
        async with LightCaller() as caller:
            location = await connect(cycles.client, caller, "/v1/sessions?source=push&latency=low")
            assert (await cycles.client.delete(location)).status_code == 200

    return once


def dies(cycles: Cycles) -> Callable[[int], Awaitable[None]]:
    async def once(number: int) -> None:
        async with LightCaller() as caller:
            await connect(cycles.client, caller, "/v1/sessions?source=push&latency=low")
            caller.vanish()
        if (number + 1) % TOGETHER == 0:
            await cycles.empty()

    return once


def uploads(cycles: Cycles) -> Callable[[int], Awaitable[None]]:
    face = pictures.face(256)

    async def once(number: int) -> None:
        picture = pictures.encoded(ImageEnhance.Brightness(face).enhance(1.0 + (number % 300) / 1000), "JPEG")
        answer = await cycles.client.post("/v1/avatars", files={"image": picture}, data={"consent": "yes"})
        assert answer.status_code == 201, answer.text
        address = f"/v1/avatars/{answer.json()['id']}"
        assert (await cycles.client.get(f"{address}/thumbnail")).status_code == 200
        assert (await cycles.client.delete(address)).status_code == 204

    return once


@contextlib.asynccontextmanager
async def views(cycles: Cycles) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Of one session, which has a viewer that stays."""
    session = json.loads((await cycles.client.post("/v1/sessions", json={"latency": "low"})).text)
    async with LightCaller() as stays:
        await connect(cycles.client, stays, session["whep"])

        async def once(_: int) -> None:
            async with LightCaller() as viewer:
                location = await connect(cycles.client, viewer, session["whep"])
                assert (await cycles.client.delete(location)).status_code == 200

        yield once
        await cycles.client.delete(f"/v1/sessions/{session['session']}")


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.fault(
    "load", "500 callers that connect and end, one after the other", "Nothing: the last one connects like the first."
)
async def test_callers_that_come_and_go(tmp_path: Path, recovery: Recovery) -> None:
    async with cycling(tmp_path) as cycles:
        await cycles.run(500, connects(cycles))
        recovery(await cycles.check())


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.fault(
    "load", "100 callers whose machines vanish", "Nothing: each one's place is free again a moment later."
)
async def test_callers_that_vanish(tmp_path: Path, recovery: Recovery) -> None:
    async with cycling(tmp_path) as cycles:
        await cycles.run(100, dies(cycles), every=TOGETHER)
        recovery(await cycles.check())


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.fault(
    "load", "1,000 viewers of one session that come and go", "Nothing: the viewer that stays goes on seeing."
)
async def test_viewers_that_come_and_go(tmp_path: Path, recovery: Recovery) -> None:
    async with cycling(tmp_path) as cycles:
        async with views(cycles) as once:
            for number in range(1000):
                await once(number)
                if number % 25 == 0:
                    cycles.seen.append(await asyncio.to_thread(holdings, cycles.server.process.pid))
        cycles.before = await asyncio.to_thread(cycles.server.tasks)
        recovery(await cycles.check())


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.fault("load", "200 portraits that are uploaded and deleted", "Nothing.")
async def test_portraits_that_come_and_go(tmp_path: Path, recovery: Recovery) -> None:
    async with cycling(tmp_path) as cycles:
        await cycles.run(200, uploads(cycles))
        recovery(await cycles.check())


async def test_a_few_of_each(tmp_path: Path) -> None:
    """The same, shortly: what one client leaves is seen in what can be counted."""
    async with cycling(tmp_path) as cycles:
        once = connects(cycles)
        await once(-1)
        await cycles._settle()
        before = await asyncio.to_thread(holdings, cycles.server.process.pid)
        tasks = await asyncio.to_thread(cycles.server.tasks)
        for number in range(6):
            await once(number)
        await dies(cycles)(0)
        await uploads(cycles)(0)
        await cycles._settle()
        after = await asyncio.to_thread(holdings, cycles.server.process.pid)
        assert after.descriptors <= before.descriptors + 2
        assert after.threads <= before.threads + 4  # pools grow up to their size
        assert after.processes <= before.processes
        assert after.shared_segments <= before.shared_segments
        assert await asyncio.to_thread(cycles.server.tasks) - tasks == Counter()
