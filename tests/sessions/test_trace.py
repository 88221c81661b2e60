"""What a session tells a measuring client: where each frame's time went, and the server's clock."""

from __future__ import annotations

import json
import time
from typing import Any

from caller import Caller, tone
from line import Line
from livehead.engine.base import EngineSpec
from serving import serving
from waiting import until


def figures(caller: Caller) -> list[dict[str, Any]]:
    return [message for message in caller.figures if message["type"] == "stats"]


async def test_with_probe_the_figures_say_where_the_time_of_each_frame_went() -> None:
    async with (
        serving(EngineSpec("fakes:create", {"size": 64})) as served,
        Caller(tone) as caller,
        Line(served.url) as line,
    ):
        await line.call(caller, probe=True)
        await until(lambda: sum(len(each["blocks"]) for each in figures(caller)) > 20)
        blocks = [block for each in figures(caller) for block in each["blocks"]]
        ks = [block[0] for block in blocks]
        assert ks == sorted(set(ks))
        assert ks[0] >= 0
        shown = {frame.code.k: frame.at for frame in caller.frames if frame.code}
        for k, sent, buffer, window, queue, generate, playout, send in blocks:
            assert buffer >= 39
            assert min(window, queue, generate, playout, send) >= 0
            if k in shown:  # the same machine, so the same clock
                assert sent - 0.005 < shown[k] < sent + 1.0


async def test_without_probe_they_do_not() -> None:
    async with (
        serving(EngineSpec("fakes:create", {"size": 64})) as served,
        Caller(tone) as caller,
        Line(served.url) as line,
    ):
        await line.call(caller)
        await until(lambda: len(figures(caller)) > 1)
        assert all("blocks" not in each for each in figures(caller))


async def test_a_ping_is_answered_with_the_clock_and_rubbish_is_not() -> None:
    async with (
        serving(EngineSpec("fakes:create", {"size": 64})) as served,
        Caller(tone) as caller,
        Line(served.url) as line,
    ):
        await line.call(caller)
        await until(lambda: len(figures(caller)) > 0)
        before = time.monotonic()
        for text in ("", "{", '{"type":"bye"}', json.dumps({"type": "ping", "id": 3})):
            caller.channel.send(text)
        await until(lambda: any(message["type"] == "pong" for message in caller.figures))
        pongs = [message for message in caller.figures if message["type"] == "pong"]
        assert [pong["id"] for pong in pongs] == [3]
        assert before <= pongs[0]["clock"] <= time.monotonic()
