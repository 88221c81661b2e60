"""Three times as many callers as fit: those who are in are served well, and the others are told to come back."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from light_caller import EncodedMicrophone, LightCaller

from fault_rows import Recovery
from serving import Process, running

MINUTES = 10
SETTLING_S = 15.0
RETRY_S = 3.0
TIMES = 3
LEAST_FPS = 24.0
OPEN = {
    "LIVEHEAD_MAX_PENDING_PER_ADDRESS": "100",
    "LIVEHEAD_OFFERS_PER_SECOND": "100",
    "LIVEHEAD_MAX_SESSIONS_PER_ADDRESS": "100",
}
"""All guests have one address here."""

ROOM = 3
"""Calls that the server is told to take: the callers run on the same two cores."""

SDP = {"Content-Type": "application/sdp"}


class Guest:
    """Comes back until it is let in, and then stays: a caller whose turns to speak are its own."""

    def __init__(self, url: str, number: int) -> None:
        self.caller = LightCaller(microphone=EncodedMicrophone(turn=2.0 * number))
        self.answers: Counter[int] = Counter()
        self.retry_after: list[str] = []
        self.inside = asyncio.Event()
        self._url = url

    async def come(self) -> None:
        offer = await self.caller.offer()
        async with httpx.AsyncClient(base_url=self._url, timeout=60) as client:
            while True:
                answer = await client.post("/v1/sessions?latency=auto", content=offer, headers=SDP)
                self.answers[answer.status_code] += 1
                if answer.status_code == 201:
                    await self.caller.accept(answer.text)
                    self.inside.set()
                    return
                self.retry_after.append(answer.headers.get("retry-after", ""))
                await asyncio.sleep(RETRY_S)


async def most(server: Process) -> int:
    async with httpx.AsyncClient() as client:
        return int((await client.get(f"{server.url}/v1/info")).json()["sessions"]["auto"]["max"])


async def crowd(server: Process, seconds: float) -> tuple[list[Guest], list[float], list[float]]:
    """All guests, and of those who are in: new pictures a second, and the most of their delay as a share of its
    bound, but for one second in a hundred."""
    room = await most(server)
    assert room == ROOM, "the machine is too busy for as few calls as that"
    guests = [Guest(server.url, number) for number in range(TIMES * room)]
    async with AsyncExitStack() as stack:
        for guest in guests:
            stack.push_async_callback(guest.caller.close)
        coming = [asyncio.create_task(guest.come()) for guest in guests]
        try:
            await asyncio.sleep(SETTLING_S)
            inside = [guest.caller for guest in guests if guest.inside.is_set()]
            began = time.monotonic()
            told = [len(caller.figures) for caller in inside]
            repeated = [caller.figures[-1]["repeated"] for caller in inside]
            seen = [len(caller.pictures) for caller in inside]
            await asyncio.sleep(seconds)
            lasted = time.monotonic() - began
            rates = [
                (len(caller.pictures) - pictures - caller.figures[-1]["repeated"] + before) / lasted
                for caller, pictures, before in zip(inside, seen, repeated, strict=True)
            ]
            delays = []
            for caller, first in zip(inside, told, strict=True):
                shares = sorted(each["delay_ms"] / each["bound_ms"] for each in caller.figures[first:])
                delays.append(shares[int(0.99 * (len(shares) - 1))])
        finally:
            for task in coming:
                task.cancel()
            await asyncio.wait(coming)
    print(
        f"room {room}, {len(inside)} are in: {[round(rate, 1) for rate in rates]} new pictures a second, delay of "
        f"its bound {[round(share, 2) for share in delays]}, answers {sum((g.answers for g in guests), Counter())}"
    )
    return guests, rates, delays


def check(guests: list[Guest], rates: list[float], delays: list[float]) -> None:
    refused = [guest for guest in guests if not guest.inside.is_set()]
    assert len(rates) + len(refused) == len(guests)
    assert len(rates) >= len(guests) // TIMES
    assert refused
    assert all(guest.answers.keys() == {503} for guest in refused)
    assert all(1 <= int(wait) <= 60 for guest in refused for wait in guest.retry_after)
    assert min(rates) >= LEAST_FPS
    assert max(delays) <= 1.0


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.fault(
    "load",
    "Three times as many callers as fit, for ten minutes",
    "Those who are in have 24 pictures a second and more, within the bound of their preset; the others 503, with "
    "the time after which to try again.",
)
async def test_three_times_as_many_as_fit(tmp_path: Path, recovery: Recovery) -> None:
    with running(
        tmp_path, "--engine", "preview", "--size", "128", "--latency", "auto", "--max-sessions", str(ROOM), **OPEN
    ) as server:
        guests, rates, delays = await crowd(server, MINUTES * 60)
        check(guests, rates, delays)
        assert "Traceback" not in server.log.read_text()
    recovery(
        f"{len(rates)} of {len(guests)} in, {min(rates):.1f} pictures a second at least, delay up to "
        f"{max(delays):.0%} of its bound"
    )
