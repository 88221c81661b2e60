"""Clients that interrupt, change their preset and push as fast as they can: what they cost stays bounded."""

from __future__ import annotations

import random

import numpy as np
import pytest

from core.playout.playout_run import held
from livehead.core.block import BLOCK_SAMPLES
from livehead.core.speech.queue import MAX_S
from livehead.engine.base import Preset
from livehead.sessions.pipeline import RESTART_S
from livehead.sessions.preset_move import CLIENT_PATIENCE_S
from sessions.stage import PRESETS, Stage, loud, speech

both_sources = pytest.mark.parametrize("pushed", [True, False], ids=["push", "mic"])


def rested(preset: Preset, *, pushed: bool) -> Stage:
    """A session that has idled for a while and is being talked to."""
    stage = Stage(preset, pushed=pushed)
    stage.push_source.begin_at(stage.now)
    stage.run(1)
    give(stage, speech(0.5), pushed=pushed)
    stage.run(0.7)
    return stage


def give(stage: Stage, samples: np.ndarray, *, pushed: bool) -> None:
    if not pushed:
        stage.hear(samples)
    elif len(samples) <= stage.push_source.room:
        stage.push(samples)


@both_sources
def test_a_second_interrupt_changes_nothing_unless_something_came_in_between(pushed: bool) -> None:
    stage = rested(Preset(4, 2, 600), pushed=pushed)
    before = len(stage.engine.asked)
    for _ in range(1000):
        stage.pipeline.interrupt()
    assert len(stage.engine.rewinds) <= 2
    assert len(stage.engine.asked) - before <= 2
    stage.run(1)
    for _ in range(1000):
        stage.pipeline.interrupt()
    assert len(stage.engine.rewinds) <= 2


def test_whoever_pushes_is_answered_every_time() -> None:
    stage = rested(Preset(4, 2, 600), pushed=True)
    for _ in range(50):
        stage.pipeline.interrupt(by_speaker=True)
    assert stage.states().count("interrupted") == 50


@both_sources
def test_interrupts_that_each_have_something_to_drop_silence_at_once_and_restart_the_engine_rarely(
    pushed: bool,
) -> None:
    stage = rested(Preset(2, 0, 600), pushed=pushed)
    began, rewinds, asked = stage.now, len(stage.engine.rewinds), len(stage.engine.asked)
    for _ in range(500):
        give(stage, speech(0.02), pushed=pushed)
        stage.pipeline.interrupt()
        stage.run(0.01)
    assert not loud(stage.since(began))
    most = 5 / RESTART_S + 1
    assert len(stage.engine.rewinds) - rewinds <= most
    assert len(stage.engine.asked) - asked <= most + 5 * 25 / 2
    stage.end()  # the rest of what was interrupted would be dropped
    again = stage.now
    for _ in range(50):
        give(stage, speech(0.04), pushed=pushed)
        stage.run(0.04)
    assert len(loud(stage.since(again))) > 30, "and is heard again afterwards"


@both_sources
def test_of_many_presets_the_newest_is_taken(pushed: bool) -> None:
    stage = rested(PRESETS[0], pushed=pushed)
    stage.run(1)
    asked = len(stage.engine.asked)
    for i in range(1000):
        stage.pipeline.set_preset(PRESETS[i % 5])
    stage.pipeline.set_preset(PRESETS[5])
    assert len(stage.engine.asked) - asked <= PRESETS[0].hop + 2
    stage.run(CLIENT_PATIENCE_S + 3.5)
    assert stage.pipeline.preset == PRESETS[5]
    assert stage.pacer.playout.stats.max_delay_ms == PRESETS[5].max_delay_ms
    asked = len(stage.engine.asked)
    for _ in range(1000):
        stage.pipeline.set_preset(PRESETS[5])
    assert len(stage.engine.asked) == asked


@both_sources
@pytest.mark.parametrize("seed", range(6))
def test_whatever_a_client_does_its_queues_and_its_share_of_the_engine_are_bounded(seed: int, pushed: bool) -> None:
    dice = random.Random(seed)
    stage = rested(dice.choice(PRESETS), pushed=pushed)
    began = stage.now
    asked, rewinds = len(stage.engine.asked), len(stage.engine.rewinds)
    for step in range(3000):
        match dice.choice(["interrupt", "interrupt", "own interrupt", "preset", "audio", "audio", "end", "wait"]):
            case "interrupt":
                stage.pipeline.interrupt()
            case "own interrupt":
                stage.pipeline.interrupt(by_speaker=pushed)
            case "preset":
                stage.pipeline.set_preset(dice.choice(PRESETS))
            case "audio":
                give(stage, speech(dice.choice([0.0001, 0.02, 0.02, 1.0]) if pushed else 0.02), pushed=pushed)
            case "end":
                stage.end()
            case "wait":
                stage.run(dice.random() * 0.05)
        if step % 100 == 0:
            playout = stage.pacer.playout
            assert playout.waiting <= 2 * (1600 / 40 + 3)
            assert held(playout) < 3000
            assert stage.push_source.room >= 0
            assert len(stage.pacer.trace.latency._open) <= 512
            assert stage.attachment.waiting <= 200
    seconds = stage.now - began
    restarts = 2 * (seconds / RESTART_S + 1)
    assert len(stage.engine.rewinds) - rewinds <= restarts
    heard = stage._sample / BLOCK_SAMPLES if not pushed else seconds * 25
    assert len(stage.engine.asked) - asked <= heard + restarts * 26
    assert stage.push_source.room <= MAX_S * 25 * BLOCK_SAMPLES
    stage.pipeline.interrupt()
    stage.run(3)
    assert stage.attachment.waiting <= 4
