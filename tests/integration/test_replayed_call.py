"""A call to a real server, with its worker process, is rendered again."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import httpx
import numpy as np
import pytest

from caller import Caller
from line import Line
from livehead.core.playout.tick import Tick
from livehead.engine.base import EngineSpec
from livehead.engine.preview.generator import create
from livehead.replay.as_live import AsLive
from livehead.replay.overview import Overview
from livehead.replay.reader import ReplayFile
from livehead.sessions.recording.replay_recorder import ReplayRecorder
from replay.studio import digest
from serving import serving
from waiting import until

PREVIEW = EngineSpec("livehead.engine.preview.generator:create", {"size": 64})


def babble(at: float) -> float:
    return 0.4 if at % 0.4 < 0.25 else 0.0


async def test_a_call_with_an_interrupt_another_portrait_and_a_lost_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks: list[Tick] = []
    made: list[str] = []
    told = ReplayRecorder.sent

    def sent(recorder: ReplayRecorder, tick: Tick) -> None:
        ticks.append(tick)
        told(recorder, tick)

    def reopened(recorder: ReplayRecorder, stream: int, shown_k: int | None) -> None:
        made.append("reopened")
        recorder._tell("reopened", stream, shown_k)

    monkeypatch.setattr(ReplayRecorder, "sent", sent)
    monkeypatch.setattr(ReplayRecorder, "reopened", reopened)
    async with serving(PREVIEW, data_dir=tmp_path, min_free_mb=0) as served:
        async with Caller(babble) as caller, Line(served.url) as line:
            await line.call(caller, avatar="amara", latency="low", record="replay")
            await line.state("live")
            await until(lambda: len(ticks) > 60, 10)
            await line.send(type="interrupt")
            await until(lambda: len(ticks) > 110, 10)
            await line.send(type="avatar", id="juno")
            await until(lambda: len(ticks) > 160, 10)
            assert served.services.host.pid is not None
            os.kill(served.services.host.pid, signal.SIGKILL)
            await until(lambda: bool(made), 15)
            count = len(ticks)
            await until(lambda: len(ticks) > count + 40, 10)
            await line.send(type="bye")
        await served.idle(20)
        async with httpx.AsyncClient(base_url=served.url) as client:
            [listed] = (await client.get("/v1/recordings")).json()
            got = await client.get(f"/v1/recordings/{listed['id']}")
        assert (listed["kind"], listed["state"], got.status_code) == ("replay", "done", 200)
    await asyncio.to_thread((tmp_path / "got.lhr").write_bytes, got.content)
    await asyncio.to_thread(compare, tmp_path / "got.lhr", ticks)


def compare(path: Path, ticks: list[Tick]) -> None:
    file = ReplayFile(path)
    overview = Overview.of(file)
    assert file.end == "closed"
    assert (overview.interrupts, overview.reopened, overview.avatars) == (1, 1, ["amara", "juno"])
    shots = {shot.index: shot for shot in AsLive(file, overview, create(size=64))}
    assert all(np.array_equal(shots[tick.index].pcm, tick.pcm) for tick in ticks if tick.index in shots)
    fresh = [tick for tick in ticks if tick.kind == "fresh" and tick.frame is not None]
    assert len(fresh) > 100
    for tick in fresh:
        assert tick.frame is not None
        assert digest(shots[tick.index].frame) == digest(tick.frame), f"block {tick.k} looks different"
