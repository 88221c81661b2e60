"""Eight viewers of one session: each sees all of it, and it is encoded once."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import AsyncExitStack

import httpx
import pytest

from backend import Backend, listener
from backend import tone as pushed_tone
from serving import Process
from waiting import until

VIEWERS = 8
SECONDS = 7.0
SDP = {"Content-Type": "application/sdp"}


def encoded(metrics: str) -> float:
    return sum(float(count) for count in re.findall(r"^livehead_frames_encoded_total\{.*\} (\S+)$", metrics, re.M))


@pytest.mark.soak
async def test_eight_see_one_session_that_is_encoded_once(server: Process) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client, AsyncExitStack() as stack:
        session = (await client.post("/v1/sessions", json={"probe": True})).json()
        viewers = [await stack.enter_async_context(listener(keep=10_000)) for _ in range(VIEWERS)]
        for viewer in viewers:
            answer = await client.post(session["whep"], content=await viewer.offer(), headers=SDP)
            assert answer.status_code == 201, answer.text
            await viewer.accept(answer.text)
        await until(lambda: all(len(viewer.frames) > 25 for viewer in viewers), 20)
        async with Backend(server.url, session["session"]) as backend:
            await backend.push(pushed_tone(SECONDS))
            before, began = encoded((await client.get("/metrics")).text), time.monotonic()
            seen = [len(viewer.frames) for viewer in viewers]
            await asyncio.sleep(SECONDS)
            lasted = time.monotonic() - began
            rates = [(len(viewer.frames) - count) / lasted for viewer, count in zip(viewers, seen, strict=True)]
            grown = encoded((await client.get("/metrics")).text) - before
        print(f"frames a second at the viewers {[round(rate, 1) for rate in rates]}, encoded {grown / lasted:.1f}")
        assert min(rates) >= 24, rates
        assert grown / lasted < 27, "a frame is encoded once, whoever sees it"
        assert all(
            any(each.code is not None and each.code.loudness >= 8 for each in viewer.frames) for viewer in viewers
        )
        await client.delete(f"/v1/sessions/{session['session']}")
    await server.settled()
