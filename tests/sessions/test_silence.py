"""Silence costs little, and speech that ends it is seen no later than without: on a clock of the test's own."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from livehead.core.block import BLOCK_S
from livehead.engine.base import Preset
from livehead.sessions.ahead import MOST
from livehead.sessions.pipeline import KEPT_BLOCKS
from livehead.sessions.portrait.engine_attachment import EngineAttachment
from livehead.sessions.recording.base import NoRecorder
from sessions.stage import Engine, Shown, Stage, loud, noise, speech

LOW, BALANCED, THROUGHPUT = Preset(4, 1, 600), Preset(8, 1, 900), Preset(24, 0, 1600)
LITE = (LOW, BALANCED, THROUGHPUT)
PREVIEW = (Preset(1, 0, 200), Preset(1, 0, 400), Preset(2, 0, 600))
WINDOW = 28

every_preset = pytest.mark.parametrize("preset", [*LITE, Preset(1, 0, 200)], ids=lambda each: f"{each.hop}")


def stage_of(preset: Preset, *, pushed: bool = False, silence_hop: int | None = None) -> Stage:
    """With the times of the engine that has such presets."""
    lite = preset in LITE
    hop = (WINDOW if lite else 4) if silence_hop is None else silence_hop
    return Stage(preset, pushed=pushed, takes=0.045 if lite else 0.006, silence_hop=hop)


def talk(stage: Stage, *sounds: np.ndarray) -> float:
    """A microphone from now on, 20 ms at a time. Returns when that ends."""
    sound = np.concatenate(sounds)
    packets = len(sound) // 320
    for i in range(packets):
        stage.at(stage.now + 0.02 * (i + 1), lambda i=i: stage.hear(sound[i * 320 : (i + 1) * 320]))
    return stage.now + packets * 0.02


def repeats(ticks: list[Shown]) -> int:
    return sum(a.frame_k is not None and a.frame_k == b.frame_k for a, b in pairwise(ticks))


def engine_hears(stage: Stage) -> dict[int, np.ndarray]:
    """What the newest frame of every block was made from."""
    return {w.k + i: w.pcm[i * 640 : (i + 1) * 640] for w in stage.engine.asked for i in range(w.hop)}


def first_mouth(stage: Stage) -> float:
    """When the first frame is shown that speech was heard for."""
    heard = engine_hears(stage)
    return next(tick.at for tick in stage.shown if tick.frame_k is not None and heard[tick.frame_k].max() > 0.05)


@pytest.mark.parametrize("pushed", [True, False], ids=["push", "mic"])
@pytest.mark.parametrize("preset", LITE, ids=lambda each: f"{each.hop}")
def test_a_session_without_sound_takes_a_window_for_28_frames(preset: Preset, pushed: bool) -> None:
    stage = stage_of(preset, pushed=pushed)
    stage.run(30)
    assert len(stage.engine.asked) <= 30 * 25 / WINDOW + 3
    assert repeats(stage.shown) == 0
    assert stage.engine.rewinds == []
    assert min(stage.engine.deadlines[1:]) > MOST * BLOCK_S - 0.05


@pytest.mark.parametrize("preset", LITE, ids=lambda each: f"{each.hop}")
def test_so_does_one_in_a_noisy_room_whose_viewers_hear_the_room(preset: Preset) -> None:
    stage = stage_of(preset)
    stage.run(1)
    room = noise(20)
    talk(stage, room)
    stage.run(0.1)
    stage.mic.has_spoken()
    stage.run(19)
    assert len(stage.engine.asked) <= 20 * 25 / WINDOW + 5
    assert not any(window.pcm.any() for window in stage.engine.asked)
    assert not stage.mic.speaking
    assert not stage.mic.has_spoken()
    assert repeats(stage.shown) == 0
    said = np.concatenate([tick.pcm for tick in stage.shown if tick.pcm.any()])
    assert np.array_equal(said, room[: len(said)])
    assert len(said) > 17 * 16_000


@every_preset
@pytest.mark.parametrize("quiet", [0.1, 1.013, 2.5, 3.33])
def test_the_first_word_is_seen_when_it_would_be_without(preset: Preset, quiet: float) -> None:
    seen = []
    for hop in (0, None):
        stage = stage_of(preset, silence_hop=hop)
        stage.run(1)
        talk(stage, noise(quiet), speech(2.5))
        stage.run(quiet + 2.4)
        seen.append(first_mouth(stage))
        assert repeats(stage.since(501)) == 0 or hop == 0 or quiet < 0.2
    late = round((seen[1] - seen[0]) / BLOCK_S)
    assert late <= (1 if preset.hop == 1 else 0)


@every_preset
def test_speech_between_silences_is_shown_from_its_onset_on_and_every_frame_is_of_its_block(preset: Preset) -> None:
    stage = stage_of(preset)
    stage.run(0.7)
    end = talk(stage, noise(3.013), speech(1.5), noise(3), speech(0.5), noise(2.5))
    stage.run(end - stage.now)
    assert repeats(stage.since(501)) == 0
    heard = engine_hears(stage)
    for tick in loud(stage.shown):
        assert tick.frame_k is not None
        assert np.array_equal(heard[tick.frame_k], tick.pcm)
    assert len(stage.engine.rewinds) <= 3, "one for the first sound, and one for each onset"
    assert max(stage.engine.taken_back) <= (WINDOW if preset in LITE else 4) + MOST
    assert stage.pipeline.speaking is False
    ahead = stage.pacer.ahead
    assert 0 < ahead.silence_rewound <= ahead.silence_made


@pytest.mark.parametrize("preset", LITE, ids=lambda each: f"{each.hop}")
def test_a_false_alarm_costs_one_rewind_and_a_window_or_two(preset: Preset) -> None:
    stage = stage_of(preset)
    stage.run(0.7)
    click = speech(0.002)
    talk(stage, noise(3), click, noise(0.4), click, noise(0.4), click, noise(4))
    stage.run(2.9)
    asked, rewinds = len(stage.engine.asked), len(stage.engine.rewinds)
    stage.run(4.5)
    assert len(stage.engine.rewinds) - rewinds <= 1
    assert len(stage.engine.asked) - asked <= 4.5 * 25 / WINDOW + 4
    assert repeats(stage.since(503)) == 0


@every_preset
def test_an_engine_that_was_down_in_silence_goes_on_when_it_is_back(preset: Preset) -> None:
    stage = stage_of(preset)
    talk(stage, noise(12))
    stage.run(3)
    stage.engine.state = "down"
    stage.run(2)
    stage.engine.state = "ready"
    stage.run(0.3)
    back = stage.now
    stage.run(4)
    assert repeats(stage.since(back)) == 0
    assert all(tick.frame_k is not None for tick in stage.since(back))


@every_preset
def test_while_no_blocks_come_nothing_is_made_for_them(preset: Preset) -> None:
    stage = stage_of(preset)
    talk(stage, noise(3))
    stage.run(5)
    asked = len(stage.engine.asked)
    stage.run(10)
    assert len(stage.engine.asked) <= asked + 3
    assert stage.pacer.ahead.frames <= WINDOW + MOST
    talk(stage, noise(4))
    stage.run(3.5)
    assert len(stage.engine.asked) > asked
    assert repeats(stage.since(stage.now - 2)) <= 1, "a delay that grows a little"


@every_preset
def test_another_portrait_is_shown_at_once_however_much_of_the_old_one_was_made(preset: Preset) -> None:
    stage = stage_of(preset)
    talk(stage, noise(12))
    stage.run(3.2)
    old, new = stage.engine, Engine(stage, 2, takes=stage.engine.takes)
    attachment = EngineAttachment(stage.pacer, NoRecorder())
    stream: object = new
    attachment.stream = stream  # type: ignore[assignment]
    stage.attachment = attachment
    assert stage.pipeline.attach(attachment) is not None
    chosen, shown = stage.now, len(stage.kept)
    stage.run(3)
    assert len(old.asked) < 20 or preset.hop == 1
    numbers = {stage.numbers[id(frame)] for frame in stage.kept[shown:]}
    first = next(tick for tick in stage.since(chosen) if tick.frame_k in numbers)
    assert first.at - chosen < 0.2
    assert repeats(stage.since(chosen)) <= 1


@pytest.mark.parametrize("preset", LITE, ids=lambda each: f"{each.hop}")
def test_pushed_speech_ends_the_silence_without_a_jump_and_leaves_it_cheap(preset: Preset) -> None:
    stage = stage_of(preset, pushed=True)
    stage.push_source.begin_at(0)
    stage.run(3)
    words = speech(1)
    stage.push(words)
    stage.end()
    pushed = stage.now
    stage.run(6)
    assert first_mouth(stage) - pushed < 0.2
    heard = engine_hears(stage)
    for tick in loud(stage.shown):
        assert tick.frame_k is not None
        assert np.array_equal(heard[tick.frame_k], tick.pcm)
    assert np.array_equal(np.concatenate([tick.pcm for tick in loud(stage.shown)])[: len(words)], words)
    asked = len(stage.engine.asked)
    stage.run(10)
    assert len(stage.engine.asked) - asked <= 10 * 25 / WINDOW + 1
    assert repeats(stage.since(stage.now - 10)) == 0
    assert not stage.pipeline.speaking


@pytest.mark.parametrize("seed", range(24))
def test_whatever_is_said_and_done_every_block_has_its_frame_and_nothing_is_left(seed: int) -> None:
    """Speech, noise, interrupts and other presets at random. Pictures stand still only where a preset or an interrupt
    asks for it."""
    random = np.random.default_rng(seed)
    presets = LITE if seed % 2 else PREVIEW
    stage = stage_of(presets[random.integers(3)])
    calm = seed < 12
    sounds = [
        (speech if random.random() < 0.45 else noise)(random.choice([0.03, 0.1, 0.3, 1, 2]) * random.uniform(0.5, 1.5))
        for _ in range(25)
    ]
    stage.run(random.uniform(0.2, 1.5))
    began = stage.now
    end = talk(stage, *sounds)
    for at in random.uniform(began, end, 0 if calm else 6):
        preset = presets[random.integers(3)]
        acts = [stage.pipeline.interrupt, lambda preset=preset: stage.pipeline.move_to(preset)]
        stage.at(at, acts[random.integers(2)])
    stage.run(end - stage.now)
    hop = WINDOW if seed % 2 else 4
    ahead = [late for w, late in zip(stage.engine.asked, stage.engine.deadlines, strict=True) if w.hop == hop]
    assert min(ahead) >= 0, "known silence is never asked for too late"
    assert max(stage.engine.taken_back, default=0) <= hop + MOST
    heard = engine_hears(stage)
    for tick in stage.since(began + 0.3):
        assert tick.frame_k is not None
        if tick.fresh:
            assert np.array_equal(heard[tick.frame_k], tick.pcm) or not heard[tick.frame_k].any()
    if calm:
        assert repeats(stage.since(began + 0.3)) <= 1
        assert min(stage.engine.deadlines) >= 0
        assert all(tick.fresh for tick in stage.since(began + 2)[2:]) or repeats(stage.since(began + 0.3))
    assert stage.pacer.ahead.frames <= hop + MOST
    assert len(stage.pipeline._windows._blocks) <= KEPT_BLOCKS + hop + 2
    assert len(stage.pacer.ahead._given_up) + len(stage.pacer.ahead._windows) <= 4
