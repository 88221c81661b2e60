"""Sessions with pushed speech, over real WebRTC, with the fake engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from backend import Backend, listener, tone
from caller import Caller
from caller import tone as microphone
from line import Line
from livehead.core.speech.queue import QUEUE_S
from livehead.engine.base import EngineSpec
from serving import Served, serving
from waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with serving(EngineSpec("fakes:create", {"size": 64}), silence_timeout=4.0) as server:
        yield server


async def test_a_full_queue_holds_the_backend_up_and_an_interrupt_lets_it_go(served: Served) -> None:
    async with listener() as caller, Line(served.url) as line:
        session = await line.call(caller, source="push", probe=True)
        await line.state("live")
        async with Backend(served.url, session, 48_000) as backend:
            piece, seconds = tone(10, 48_000), 0

            async def push() -> None:
                nonlocal seconds
                for _ in range(40):
                    await backend.socket.send(piece)
                    seconds += 10
                await backend.end()

            pushing = asyncio.create_task(push())
            await until(lambda: "started" in backend.states())
            await asyncio.sleep(2)
            held_up_at = seconds
            await asyncio.sleep(2)
            # what the sockets' own buffers hold comes on top of the queue
            assert QUEUE_S - 10 <= held_up_at <= seconds <= held_up_at + 10 < 390
            assert not pushing.done()
            await line.next("stats")
            await line.send(type="interrupt")
            await until(lambda: "interrupted" in backend.states(), 3)
            await asyncio.wait_for(pushing, 10)
            await asyncio.sleep(0.5)
            k = backend.k("interrupted")
            assert all(p.code.k <= k or p.code.loudness <= 3 for p in caller.frames if p.code and p.code.k < 30_000)
            await backend.push(tone(0.4, 48_000))
            await backend.end()
            await until(lambda: backend.states() == ["started", "interrupted", "started", "finished"])


async def test_speech_that_comes_before_the_client_waits_for_it(served: Served) -> None:
    async with listener() as caller, Line(served.url) as line:
        await line.send(type="offer", sdp=await caller.offer(), source="push", probe=True)
        answer = await line.next("answer")
        async with Backend(served.url, answer["session"]) as backend:
            await backend.push(tone(1))
            await backend.end()
            await asyncio.sleep(1)
            assert backend.told == []
            await caller.accept(answer["sdp"])
            await until(lambda: backend.states() == ["started", "finished"])
            spoken = {p.code.k for p in caller.frames if p.code and p.code.loudness >= 8}
            assert len(spoken & set(range(25))) >= 20
            assert 0 in spoken


async def test_a_client_that_only_listens_stays_and_is_missed_when_it_goes(served: Served) -> None:
    async with listener() as caller, Line(served.url) as line:
        session = await line.call(caller, source="push")
        await line.state("live")
        await asyncio.sleep(6)
        assert served.session(session).describe()["state"] == "live"
        before = len(caller.frames)
        await caller.seen(lambda p: len(p) > before + 10)
        await caller.close()
        closed = await line.state("closed", within=12)
        assert closed["reason"] in ("no-media", "gone")
    await served.settled()


async def test_a_microphone_that_is_on_is_not_listened_to(served: Served) -> None:
    async with Caller(microphone) as caller, Line(served.url) as line:
        session = await line.call(caller, source="push", probe=True)
        await line.state("live")
        await caller.seen(lambda p: len(p) > 40)
        assert all(p.code.loudness == 0 for p in caller.frames if p.code)
        async with Backend(served.url, session) as backend:
            await backend.push(tone(1))
            await backend.end()
            await until(lambda: backend.states() == ["started", "finished"])
        assert backend.k("started") == 0
        assert max(level for _, level in caller.levels) > 0.1
