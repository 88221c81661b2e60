"""Sessions that a microphone drives, through the whole pipeline, on a clock of the test's own."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from livehead.core.block import BLOCK_SAMPLES
from livehead.engine.base import Preset
from sessions.stage import TAKES, Shown, Stage, every_preset, in_step, loud, speech


def talk(stage: Stage, seconds: float) -> np.ndarray:
    """20 ms of the microphone every 20 ms."""
    words = speech(seconds)
    for i in range(round(seconds * 50)):
        stage.at(stage.now + 0.02 * (i + 1), lambda i=i: stage.hear(words[i * 320 : (i + 1) * 320]))
    return words


def repeats(ticks: list[Shown]) -> list[float]:
    """When a frame was shown again."""
    return [b.at for a, b in pairwise(ticks) if a.frame_k is not None and a.frame_k == b.frame_k]


@every_preset
@pytest.mark.parametrize("pushed", [True, False], ids=["push", "mic"])
def test_the_portrait_is_alive_after_one_step_and_idles_without_a_repeat(pushed: bool, preset: Preset) -> None:
    stage = Stage(preset, pushed=pushed)
    stage.run(3)
    first = next(tick for tick in stage.shown if tick.frame_k is not None)
    assert first.at - 500 < TAKES + 0.05
    assert repeats(stage.shown) == []


@every_preset
@pytest.mark.parametrize("idled", [0.1, 0.3, 0.71, 1.0, 2.5])
def test_the_first_word_leaves_no_hole_and_waits_no_longer_than_any_other(idled: float, preset: Preset) -> None:
    """Block 0 is due when its own hop has come and was made; till then the portrait idles on."""
    stage = Stage(preset, pushed=False)
    stage.run(idled)
    began = stage.now
    talk(stage, 4)
    stage.run(3)
    assert repeats(stage.shown) == []
    spoken = loud(stage.shown)
    assert in_step(stage, spoken)
    assert spoken[0].frame_k == 0
    assert spoken[0].at - began < (preset.hop + preset.lookahead) * 0.04 + TAKES + 0.02


@pytest.mark.parametrize("pushed", [True, False], ids=["push", "mic"])
@pytest.mark.parametrize("after", [Preset(1, 0, 200), Preset(8, 1, 900), Preset(24, 0, 1600)], ids=str)
@pytest.mark.parametrize("before", [Preset(1, 0, 200), Preset(8, 1, 900), Preset(24, 0, 1600)], ids=str)
def test_another_preset_while_the_portrait_idles_does_not_stop_it(before: Preset, after: Preset, pushed: bool) -> None:
    stage = Stage(before, pushed=pushed)
    stage.run(2.01)
    chosen = stage.now
    stage.pipeline.set_preset(after)
    stage.run(3)
    assert len(repeats(stage.since(chosen - 0.05))) <= 2, "one step of the new length"
    assert stage.pacer.playout.stats.delay_ms < (after.hop + after.lookahead) * 40 + TAKES * 1000 + 10


@every_preset
def test_the_microphone_goes_on_after_an_interrupt(preset: Preset) -> None:
    stage = Stage(preset, pushed=False, takes=TAKES)
    stage.run(1)
    words = talk(stage, 10)
    began = stage.now
    stage.run(4.01)
    now, seen = stage.now, stage.shown[-1]
    stage.pipeline.interrupt()
    stage.run(5)
    prebuffer = (preset.hop + preset.lookahead) * 0.04
    ticks = stage.since(now)
    assert stage.engine.rewinds == [seen.frame_k]
    fresh = [tick for tick in ticks if tick.frame_k != seen.frame_k]
    assert fresh[0].at - now < 0.12
    assert preset.hop == 1 or not fresh[0].pcm.any()
    heard = loud(ticks)
    assert heard[0].at - now < prebuffer + TAKES + 0.08
    assert in_step(stage, heard)
    assert repeats([tick for tick in ticks if tick.at >= fresh[0].at]) == []
    audio = np.concatenate([tick.pcm for tick in heard])
    first = round((now - began) / 0.02) * 320
    assert any(
        np.array_equal(audio[640:12_800], words[at + 640 : at + 12_800]) for at in range(first - 640, first + 641, 320)
    )
    assert len(loud(ticks[-50:])) == 50


def test_an_interrupt_before_the_first_word_into_the_microphone_changes_nothing() -> None:
    stage = Stage(Preset(4, 2, 600), pushed=False)
    stage.run(2)
    stage.pipeline.interrupt()
    stage.run(1)
    assert stage.engine.rewinds == []
    assert all(b.frame_k == a.frame_k + 1 for a, b in pairwise(stage.since(stage.now - 1)))


@every_preset
def test_an_engine_that_is_down_takes_no_audio_along(preset: Preset) -> None:
    """Frames stand still meanwhile; of what is said not a sample is missing."""
    stage = Stage(preset, pushed=False)
    words = talk(stage, 9)
    stage.run(3)
    stage.engine.state = "down"
    stage.run(2)
    stage.engine.state = "ready"
    stage.run(5)
    said = np.concatenate([tick.pcm for tick in loud(stage.shown)])
    spoken = len(said) // BLOCK_SAMPLES * BLOCK_SAMPLES
    assert len(said) >= len(words) - BLOCK_SAMPLES
    assert np.array_equal(said[:spoken], words[:spoken])
    assert in_step(stage, [tick for tick in loud(stage.shown) if 507.5 < tick.at < 509])
