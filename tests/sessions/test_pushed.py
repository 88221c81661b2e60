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
from livehead.engine.base import EngineSpec
from serving import Served, serving
from waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with serving(EngineSpec("fakes:create", {"size": 64}), silence_timeout=4.0) as server:
        yield server


async def push(backend: Backend, seconds: int, rate: int = 24_000) -> None:
    """One utterance, as fast as it is taken."""
    piece = tone(10, rate)
    for _ in range(seconds // 10):
        await backend.socket.send(piece)
    await backend.end()


async def test_ten_minutes_at_once_hold_the_backend_up_and_a_viewers_interrupt_drops_them(served: Served) -> None:
    async with listener() as caller, Line(served.url) as line:
        session = await line.call(caller, source="push", probe=True)
        await line.state("live")
        async with Backend(served.url, session, 48_000) as backend:
            pushing = asyncio.create_task(push(backend, 600, 48_000))
            await until(lambda: "started" in backend.states())
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
            assert backend.told[-1]["spoken_ms"] == 400


async def test_an_interrupt_passes_through_the_socket_that_is_held_up(served: Served) -> None:
    """Ten minutes are on their way: all of it that was sent before the interrupt is dropped, and the rest is an
    utterance of its own."""
    async with listener() as caller, Line(served.url) as line:
        session = await line.call(caller, source="push")
        await line.state("live")
        async with Backend(served.url, session) as backend:
            pushing = asyncio.create_task(push(backend, 600))
            await until(lambda: "started" in backend.states())
            assert not pushing.done()
            await backend.interrupt()
            await until(lambda: "interrupted" in backend.states(), 10)
            await asyncio.wait_for(pushing, 20)
            await backend.interrupt()
            await until(lambda: backend.states().count("interrupted") == 2)
            ends = [each for each in backend.told if each["state"] == "interrupted"]
            assert [each["utterance"] for each in ends] == [0, 1]
            assert ends[0]["spoken_ms"] == 40 * (ends[0]["k"] + 1)


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
