"""A backend's speech: it waits for room, and never stands before an interrupt."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from livehead.core.messages.from_server import Playback
from livehead.core.speech.queue import MAX_S, MAX_UTTERANCES, QUEUE_S
from livehead.engine.base import Preset
from livehead.errors import MalformedError, UnprocessableError
from livehead.sessions.sources.speaker import READ_SPEED, Speaker
from sessions.stage import Stage

RATE = 16_000
SECOND = (np.ones(RATE) * 8000).astype("<i2").tobytes()


def speaker(stage: Stage, rate: int = RATE) -> tuple[Speaker, list[Playback]]:
    told: list[Playback] = []
    return Speaker(stage.push_source, stage.pipeline, rate, told.append, lambda: None, clock=lambda: stage.now), told


async def full(stage: Stage) -> tuple[Speaker, list[Playback], asyncio.Task[None]]:
    """A speaker whose queue is full, and what it still waits to push."""
    one, told = speaker(stage)
    await one.hear(SECOND)
    while stage.push_source.room:
        stage.push_source.push(np.zeros(min(stage.push_source.room, RATE), np.float32), stage.now)
    waiting = asyncio.create_task(one.hear(SECOND * 5))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    return one, told, waiting


async def test_an_interrupt_is_never_behind_speech_that_waits_for_room() -> None:
    stage = Stage(Preset(2, 0, 600))
    one, told, waiting = await full(stage)
    one.interrupt()
    assert [each.state for each in told] == ["interrupted"]
    await asyncio.wait_for(waiting, 1)
    empty = MAX_S * RATE
    assert stage.push_source.room == empty, "what waited is dropped with the rest"
    await one.hear(SECOND)
    assert stage.push_source.room == pytest.approx(empty - RATE, abs=700), "what comes next is a new utterance"


async def test_the_first_minute_is_taken_as_it_comes_and_the_rest_more_slowly() -> None:
    """So an interrupt that is sent behind all of it is read soon, and whoever sends is held back all the same."""
    stage = Stage(Preset(2, 0, 600))
    one, _ = speaker(stage)
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "sleep", note)
        await one.hear(SECOND * round(QUEUE_S))
        assert sum(pauses) == 0
        await one.hear(SECOND * 300)
    assert sum(pauses) == pytest.approx(300 / READ_SPEED, rel=0.05)
    assert stage.push_source.seconds == pytest.approx(QUEUE_S + 300, abs=1)


async def test_every_utterance_is_told_of_though_it_is_shorter_than_a_sample() -> None:
    stage = Stage(Preset(2, 0, 600))
    stage.push_source.begin_at(stage.now)
    stage.run(1)
    one, told = speaker(stage, 48_000)
    for data in (b"\x00\x40", b"", b"\x00\x40" * 100):
        await one.hear(data)
        await one.end()
    stage.run(1)
    assert [(each.state, each.utterance) for each in told] == [
        ("started", 0),
        ("finished", 0),
        ("started", 1),
        ("finished", 1),
    ]


async def test_more_utterances_than_may_wait_wait_for_their_turn_and_none_is_lost() -> None:
    stage = Stage(Preset(2, 0, 600))
    stage.push_source.begin_at(stage.now)
    one, told = speaker(stage)

    async def push() -> None:
        for _ in range(MAX_UTTERANCES + 50):
            await one.hear(b"\x00\x40" * 20)
            await one.end()

    pushing = asyncio.create_task(push())
    await asyncio.sleep(0.05)
    assert not pushing.done()
    while not pushing.done():
        stage.run(0.2)
        await asyncio.sleep(0)
    await pushing
    one.interrupt()
    ends = [each for each in told if each.state != "started"]
    assert [each.utterance for each in ends] == list(range(MAX_UTTERANCES + 50))
    assert {each.state for each in ends} == {"finished", "interrupted"}


async def test_an_end_that_waited_is_dropped_by_an_interrupt() -> None:
    stage = Stage(Preset(2, 0, 600))
    one, told = speaker(stage, 48_000)
    await one.hear(SECOND)
    while stage.push_source.room:
        stage.push_source.push(np.zeros(min(stage.push_source.room, RATE), np.float32), stage.now)
    waiting = asyncio.create_task(one.end())
    await asyncio.sleep(0.01)
    one.interrupt()
    await asyncio.wait_for(waiting, 1)
    assert [each.state for each in told] == ["interrupted"]


async def test_somebody_elses_interrupt_drops_the_rest_of_the_utterance_as_it_comes() -> None:
    stage = Stage(Preset(2, 0, 600))
    one, told, waiting = await full(stage)
    stage.pipeline.interrupt()
    await asyncio.wait_for(waiting, 1)
    assert [each.state for each in told] == ["interrupted"]
    assert stage.push_source.room == MAX_S * RATE
    await one.end()
    await one.hear(SECOND)
    assert stage.push_source.room < MAX_S * RATE


async def test_long_messages_let_others_have_their_turn() -> None:
    stage = Stage(Preset(2, 0, 600))
    one, _ = speaker(stage)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await one.hear(SECOND * 10)
    task.cancel()
    assert turns >= 30


async def test_half_a_sample_and_impossible_rates_are_refused() -> None:
    stage: Any = Stage(Preset(2, 0, 600))
    one, _ = speaker(stage)
    with pytest.raises(MalformedError, match="half a sample"):
        await one.hear(SECOND + b"\x00")
    assert stage.push_source.room == MAX_S * RATE
    for rate in (7_999, 48_001):
        with pytest.raises(UnprocessableError, match="rate"):
            speaker(stage, rate)
