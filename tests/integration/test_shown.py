"""How much of each utterance a viewer has seen: what the server tells, against the test code in the frames."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from backend import Backend, tone
from line import Line
from screen import Screen, reported
from serving import Process
from waiting import until

BLOCK_MS = 40


def ends(backend: Backend) -> list[dict[str, Any]]:
    return [each for each in backend.told if each["type"] == "playback" and each["state"] != "started"]


def check(screen: Screen, backend: Backend) -> None:
    """Each utterance has one end, in order, and what was shown is what was presented, to within one frame."""
    started = {each["utterance"]: each for each in backend.told if each["state"] == "started"}
    for number, end in enumerate(ends(backend)):
        assert end["utterance"] == number
        assert 0 <= end["shown_ms"] <= end["spoken_ms"]
        if number not in started:
            assert (end["state"], end["spoken_ms"], end["shown_ms"]) == ("interrupted", 0, 0)
            continue
        first = started[number]["k"]
        last = screen.last(first, first + -(-end["spoken_ms"] // BLOCK_MS))
        presented = 0 if last is None else min((last - first + 1) * BLOCK_MS, end["spoken_ms"])
        assert abs(end["shown_ms"] - presented) <= BLOCK_MS, (end, presented)
    order = [(each["utterance"], each["state"] != "started") for each in backend.told]
    assert order == sorted(order)


@pytest.mark.parametrize("utterances", [50, pytest.param(200, marks=pytest.mark.soak)])
async def test_utterances_of_which_three_in_ten_are_interrupted(server: Process, utterances: int) -> None:
    dice = random.Random(12)
    interrupted = set(dice.sample(range(utterances), 3 * utterances // 10))
    async with Screen("k") as screen, Line(server.url) as line:
        session = await line.call(screen, source="push", probe=True, latency="low")
        await line.state("live")
        await reported(screen)
        async with Backend(server.url, session, 16_000) as backend:
            for number in range(utterances):
                await backend.push(tone(dice.uniform(0.02, 0.3), 16_000))
                await backend.end()
                if number in interrupted:
                    await asyncio.sleep(dice.uniform(0, 0.3))
                    await (backend.interrupt() if dice.random() < 0.7 else line.send(type="interrupt"))
                await until(lambda number=number: len(numbered(backend)) >= number - 2)
            await until(lambda: len(numbered(backend)) == utterances)
            backend.told[:] = [each for each in backend.told if each.get("utterance") is not None]
            check(screen, backend)
            states = [each["state"] for each in ends(backend)]
            print(f"{states.count('interrupted')} of {utterances} interrupted, {len(screen.reports)} reports")
            assert states.count("interrupted") >= utterances / 5
            assert sum(0 < each["shown_ms"] < each["spoken_ms"] + 1 for each in ends(backend)) > utterances / 2


def numbered(backend: Backend) -> list[dict[str, Any]]:
    return [each for each in ends(backend) if each["utterance"] is not None]


@pytest.mark.parametrize("preset", ["low", pytest.param("throughput", marks=pytest.mark.soak)])
async def test_rtp_timestamps_tell_it_as_well(server: Process, preset: str) -> None:
    async with Screen("rtp") as screen, Line(server.url) as line:
        session = await line.call(screen, source="push", probe=True, latency=preset)
        await line.state("live")
        await reported(screen)
        async with Backend(server.url, session) as backend:
            for after in (0.45, 0.9, None):
                await backend.push(tone(1.21))
                await backend.end()
                await until(lambda: backend.states()[-1:] == ["started"])
                if after is not None:
                    await asyncio.sleep(after)
                    await backend.interrupt()
                await until(lambda: backend.states()[-1] != "started")
            check(screen, backend)
            assert [each["state"] for each in ends(backend)] == ["interrupted", "interrupted", "finished"]
            assert ends(backend)[2]["spoken_ms"] == 1210
            assert 1210 - 40 <= ends(backend)[2]["shown_ms"] <= 1210
            assert ends(backend)[0]["shown_ms"] >= 200


@pytest.mark.soak
async def test_a_viewer_that_falls_silent_in_mid_word(server: Process) -> None:
    """What was known is told after a bounded wait, and later that nobody reports any more."""
    async with Screen("rtp") as screen, Line(server.url) as line:
        session = await line.call(screen, source="push", probe=True, latency="low")
        await line.state("live")
        await reported(screen)
        async with Backend(server.url, session) as backend:
            await backend.push(tone(2))
            await backend.end()
            await until(lambda: "started" in backend.states())
            await asyncio.sleep(0.8)
            screen.reporting = False
            await until(lambda: "finished" in backend.states(), 4)
            assert ends(backend)[0]["spoken_ms"] == 2000
            assert 200 <= ends(backend)[0]["shown_ms"] <= 1200
            await backend.push(tone(3))
            await backend.end()
            await until(lambda: backend.states().count("finished") == 2, 6)
            assert (ends(backend)[1]["spoken_ms"], ends(backend)[1]["shown_ms"]) == (3000, None)


async def test_a_viewer_that_reports_nothing_is_not_waited_for(server: Process) -> None:
    async with Screen(None) as screen, Line(server.url) as line:
        session = await line.call(screen, source="push", probe=True, latency="low")
        await line.state("live")
        async with Backend(server.url, session) as backend:
            await backend.push(tone(0.2))
            await backend.end()
            await until(lambda: backend.states() == ["started", "finished"])
            assert [each["shown_ms"] for each in backend.told] == [None, None]


async def test_the_viewer_leaves_in_mid_word(server: Process) -> None:
    """It was the session's caller, so that the session ends with it."""
    async with Screen("k") as screen, Line(server.url) as line:
        session = await line.call(screen, source="push", probe=True)
        await line.state("live")
        await reported(screen)
        async with Backend(server.url, session) as backend:
            await backend.push(tone(5))
            await until(lambda: "started" in backend.states())
            await asyncio.sleep(0.8)
            await screen.close()
            await until(lambda: len(ends(backend)) == 1, 5)
            assert ends(backend)[0]["state"] == "interrupted"
            assert 200 <= ends(backend)[0]["shown_ms"] <= ends(backend)[0]["spoken_ms"] < 5000
            await backend.socket.wait_closed()


@pytest.mark.soak
async def test_the_session_ends_in_mid_word(server: Process) -> None:
    async with Screen("k") as screen, Line(server.url) as line:
        session = await line.call(screen, source="push", probe=True)
        await line.state("live")
        await reported(screen)
        async with Backend(server.url, session) as backend:
            for _ in range(3):
                await backend.push(tone(1))
                await backend.end()
            await until(lambda: "started" in backend.states())
            await asyncio.sleep(0.5)
            await line.send(type="bye")
            await until(lambda: len(ends(backend)) == 3)
            assert [each["state"] for each in ends(backend)] == ["interrupted"] * 3
            assert 200 <= ends(backend)[0]["spoken_ms"] < 1000
            assert [each["spoken_ms"] for each in ends(backend)[1:]] == [0, 0]
            await backend.socket.wait_closed()
