"""A client's address changes in mid-call, and it is one that any WebRTC library makes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from api.conftest import FAKE
from backend import listener
from caller import Caller, tone
from fault_rows import Recovery
from nat import Nat
from serving import Served, serving
from waiting import PATIENCE, until

SDP = {"Content-Type": "application/sdp"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with serving(FAKE, silence_timeout=10) as server:
        yield server


pytestmark = pytest.mark.asyncio(loop_scope="module")


@contextlib.asynccontextmanager
async def called(served: Served, caller: Caller, **options: str) -> AsyncIterator[tuple[Nat, str]]:
    """A call through a NAT, and the session's id. At the end, the session is the one that was opened."""
    async with caller, Nat() as nat, httpx.AsyncClient(base_url=served.url) as client:
        offer = nat.offer(await caller.offer())
        answer = await client.post("/v1/sessions", content=offer, headers=SDP, params=options)
        assert answer.status_code == 201, answer.text
        await caller.accept(await nat.answer(answer.text))
        await caller.seen(lambda frames: len(frames) > 20)
        location = answer.headers["Location"]
        yield nat, location.rpartition("/")[2]
        assert caller.peer.connectionState == "connected"
        assert (await client.delete(location)).status_code == 200


async def back(caller: Caller) -> float:
    """Seconds until media come again. By the sound: after a gap, aiortc's own buffer for video waits for packets that
    do not come any more until there are 128."""
    began, before = time.monotonic(), len(caller.levels)
    await until(lambda: len(caller.levels) > before + 25, 20)
    return caller.levels[before + 20][0] - began


@pytest.mark.fault(
    "network",
    "A NAT forgets a client's port in mid-call, and gives it another",
    "Sound and picture stop for about a second; the session and the connection stay the same.",
    within=1.5,
)
async def test_a_nat_rebinds(served: Served, recovery: Recovery) -> None:
    caller = Caller(tone)
    async with called(served, caller, voice="on") as (nat, session):
        took = []
        for _ in range(3):
            await nat.rebind()
            took.append(await back(caller))
        heard = served.session(session).caller
        assert heard is not None
        before = heard.peer.last_media
        await until(lambda: heard.peer.last_media != before)
    recovery("media again, and the microphone is heard", max(took))


async def test_a_nat_rebinds_where_only_reports_show_the_client(served: Served) -> None:
    caller = listener()
    async with called(served, caller, source="push") as (nat, _):
        await nat.rebind()
        assert await back(caller) <= 5.0 * PATIENCE
