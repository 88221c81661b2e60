from __future__ import annotations

import asyncio
import gc
import os
import signal
import weakref
from collections.abc import AsyncIterator
from itertools import pairwise

import httpx
import pytest
import pytest_asyncio

from backend import Backend
from backend import tone as pushed_tone
from caller import Caller, silence, tone
from fakes import DIE_IN_OPEN, NO_MEMORY
from line import Line
from livehead.engine.base import EngineSpec
from serving import Served, serving
from waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with serving(EngineSpec("fakes:create", {"size": 64}), silence_timeout=2.0) as server:
        yield server


async def test_the_portrait_is_alive_before_the_first_audio_and_starts_at_block_0(served: Served) -> None:
    async with Caller(tone) as caller, Line(served.url) as line:
        await line.call(caller, probe=True)
        frames = await caller.seen(lambda p: len(p) > 40)
        codes = [p.code for p in frames]
        assert None not in codes
        ks = [code.k for code in codes if code is not None and code.loudness >= 8]
        assert ks[0] < 50
        assert all(a <= b for a, b in pairwise(ks))


async def test_what_blocks_waited_is_published(served: Served) -> None:
    async with Caller(tone) as caller, Line(served.url) as line, httpx.AsyncClient(base_url=served.url) as client:
        await line.call(caller, latency="balanced")
        await caller.seen(lambda p: len(p) > 30)
        latency = (await client.get("/v1/info")).json()["latency"]
        preset = latency["balanced"]
        assert preset["hop"] * 40 <= preset["delay_ms"]["p50"] <= preset["delay_ms"]["p95"] <= preset["bound_ms"]
        assert "livehead_delay_seconds_bucket" in (await client.get("/metrics")).text


async def test_one_session_never_shows_the_voice_of_another(served: Served) -> None:
    async with Caller(tone) as loud, Caller(silence) as quiet, Line(served.url) as a, Line(served.url) as b:
        await a.call(loud, probe=True, voice="on")
        await b.call(quiet, probe=True, voice="on")
        await loud.seen(lambda p: len(p) > 75)
        await quiet.seen(lambda p: len(p) > 75)
        assert max(p.code.loudness for p in quiet.frames if p.code) <= 2
        assert sorted(p.code.loudness for p in loud.frames if p.code)[-60:][0] >= 8
        assert max(level for _, level in quiet.levels) < 0.01
        assert max(level for _, level in loud.levels) > 0.1


async def test_a_killed_worker_leaves_audio_and_session_and_comes_back(served: Served) -> None:
    async with Caller(tone) as caller, Line(served.url) as line:
        session = await line.call(caller, probe=True, voice="on")
        await line.state("live")
        await caller.seen(lambda p: len(p) > 30)
        pid = served.services.host.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        degraded = await line.state("degraded", within=3)
        assert degraded["reason"] == "engine-down"
        voices = len(caller.levels)
        await line.state("live", within=3)
        last = caller.frames[-1].code
        await caller.seen(lambda p: p[-1].code is not None and last is not None and p[-1].code.k > last.k + 2, within=3)
        await until(lambda: sum(level >= 0.05 for _, level in caller.levels[voices:]) > 30)
        assert served.session(session)


async def test_a_client_that_falls_silent_is_ended_and_its_slot_comes_back(served: Served) -> None:
    async with Caller(tone) as caller, Line(served.url) as line:
        await line.call(caller)
        await line.state("live")
        await caller.close()
        closed = await line.state("closed", within=8)
        assert closed["reason"] in ("no-media", "gone")
    await served.idle()


async def test_the_memory_of_an_ended_session_does_not_wait_for_the_garbage_collector(served: Served) -> None:
    async with Caller(tone) as caller, Line(served.url) as line:
        session = served.session(await line.call(caller))
        await caller.seen(lambda p: len(p) > 30)
        attachment = session._pipeline.attachment
        assert attachment is not None
        assert attachment.stream is not None
        assert session.caller is not None
        ingest = session.caller.peer._ingest
        large = [attachment.stream, attachment.stream._delivered, session._pipeline._windows._blocks[0].pcm]
        large += [ingest._decoder, ingest.jitter]
        gone = [weakref.ref(each) for each in large]
        large.clear()
        del attachment
        gc.disable()
        try:
            session.end("deleted")
            await session.closed.wait()
            await asyncio.sleep(0.2)
            assert [type(ref()).__name__ for ref in gone if ref() is not None] == []
        finally:
            gc.enable()
    await served.idle()


async def test_ended_sessions_leave_nothing_behind(served: Served) -> None:
    gone: list[weakref.ref[object]] = []
    for _ in range(3):
        async with Caller() as caller, httpx.AsyncClient() as client:
            answer = await client.post(
                f"{served.url}/v1/sessions", content=await caller.offer(), headers={"Content-Type": "application/sdp"}
            )
            await caller.accept(answer.text)
            await caller.seen(lambda p: len(p) > 5)
            gone += [weakref.ref(session) for session in served.services.registry.sessions]
            await client.delete(served.url + answer.headers["location"])
    await served.settled()
    await asyncio.sleep(0.1)
    gc.collect()
    assert [ref() for ref in gone] == [None] * 3


async def test_another_portrait_in_mid_session(served: Served) -> None:
    async with Caller(tone) as caller, Line(served.url) as line:
        session = await line.call(caller, probe=True)
        await caller.seen(lambda p: len(p) > 20)
        other = served.services.avatars.list()[-1].id
        await line.send(type="avatar", id=other)
        await until(lambda: served.session(session).describe()["avatar"] == other)
        await until(lambda: served.services.host.streams == 1)
        before = len(caller.frames)
        await caller.seen(lambda p: len(p) > before + 25)
        repeats = [a.code == b.code for a, b in pairwise(caller.frames[before:])]
        assert sum(repeats) < 10


async def test_an_interrupt_drops_what_was_not_shown(served: Served) -> None:
    async with Caller(tone) as caller, Line(served.url) as line:
        await line.call(caller, probe=True, latency="throughput")
        await caller.seen(lambda p: len(p) > 40)
        await line.send(type="interrupt")
        before = len(caller.frames)
        await caller.seen(lambda p: any(each.code is not None and each.code.loudness < 8 for each in p[before:]))
        silent = len(caller.frames)
        await caller.seen(lambda p: any(each.code is not None and each.code.loudness >= 8 for each in p[silent:]))


async def test_a_drain_tells_the_clients_and_takes_no_more() -> None:
    async with (
        serving(EngineSpec("fakes:create", {"size": 64})) as served,
        Caller(tone) as caller,
        Caller() as late,
        Line(served.url) as line,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        await line.call(caller)
        await line.state("live")
        draining = asyncio.create_task(served.services.registry.drain(1.0))
        await line.state("draining")
        assert (await client.get("/readyz")).json()["reason"] == "draining"
        refused = await client.post(
            "/v1/sessions", content=await late.offer(), headers={"Content-Type": "application/sdp"}
        )
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:livehead:draining")
        assert (await line.state("closed"))["reason"] == "draining"
        await draining
        assert served.services.registry.active == 0


async def test_an_engine_that_cannot_open_the_stream_ends_the_session_and_says_so(served: Served) -> None:
    async with Caller() as caller, Line(served.url) as line:
        await line.call(caller, seed=NO_MEMORY)
        assert (await line.state("closed"))["reason"] == "engine-failed"
    await served.idle()


async def test_a_worker_that_dies_while_a_stream_is_opened_is_asked_once_more_and_no_oftener(served: Served) -> None:
    restarts = served.services.host.restarts
    async with Caller() as caller, Line(served.url) as line:
        await line.call(caller, seed=DIE_IN_OPEN)
        assert (await line.state("closed"))["reason"] == "engine-failed"
    assert served.services.host.restarts - restarts <= 2
    await until(lambda: served.services.host.state == "ready")


async def test_a_client_that_is_answered_and_not_heard_costs_the_engine_nothing(served: Served) -> None:
    async with Caller(tone) as caller, Line(served.url) as line:
        await line.send(type="offer", sdp=await caller.offer(), source="push")
        answer = await line.next("answer")
        session = served.session(answer["session"])
        async with Backend(served.url, session.id) as backend:
            await backend.push(pushed_tone(0.5))
            await backend.interrupt()
            await line.send(type="interrupt")
            await line.send(type="latency", preset="balanced")
            await line.send(type="avatar", id=served.services.avatars.list()[-1].id)
            await until(lambda: "interrupted" in backend.states())
            await asyncio.sleep(1)
        assert served.services.host.streams == 0
        assert session.pending
        assert session.describe()["stats"]["k"] is None
        await caller.accept(answer["sdp"])
        await caller.seen(lambda p: len(p) > 10)
        assert served.services.host.streams >= 1
