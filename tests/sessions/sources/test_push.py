"""Pushed speech and interrupts, through the whole pipeline, on a clock of the test's own."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from livehead.core.block import BLOCK_SAMPLES
from livehead.core.messages.from_server import AvatarActivity, Playback
from livehead.core.playout.playout import Playout
from livehead.engine.base import Preset
from livehead.sessions.ahead import MOST
from livehead.sessions.sources.push import Phase
from sessions.stage import PRESETS, TAKES, Stage, every_preset, in_step, loud, speech


def ready(preset: Preset) -> Stage:
    """A session that has idled for a while."""
    stage = Stage(preset, takes=TAKES)
    stage.push_source.begin_at(stage.now + 0.3)
    stage.run(3.01)
    return stage


def said(stage: Stage, since: float) -> np.ndarray:
    """What was heard since then, without the silence before and behind."""
    audio = stage.audio(since)
    found = np.flatnonzero(audio)
    return audio[found[0] : found[-1] + 1]


@every_preset
def test_an_utterance_starts_at_once_and_is_heard_as_it_was_said(preset: Preset) -> None:
    stage = ready(preset)
    for turn in range(3):
        began, words = stage.now, speech(3.333, turn)
        stage.push(words)
        stage.end()
        stage.run(5)
        ticks = loud(stage.since(began))
        assert ticks[0].at - began < TAKES + 0.08
        assert np.array_equal(said(stage, began), words)
        assert in_step(stage, ticks)
        assert stage.states() == ["started", "finished"] * (turn + 1)
        (started, first), (finished, last) = stage.told[-2:]
        assert started == ticks[0].at
        assert finished == ticks[-1].at
        assert last.k - first.k == len(ticks) - 1
        assert turn > 0 or first.k == 0
    ks = [message.k for _, message in stage.told]
    assert ks == sorted(ks)


@every_preset
def test_silence_before_speech_is_shown_to_the_end_and_speech_goes_on_from_it(preset: Preset) -> None:
    stage = ready(preset)
    began = stage.now
    stage.push(speech(1))
    stage.end()
    stage.run(1)
    first = loud(stage.since(began))[0]
    before = stage.shown[stage.shown.index(first) - 1]
    assert stage.engine.rewinds[-1] == before.frame_k
    repeats = [a.frame_k == b.frame_k for a, b in pairwise(stage.since(began - 0.1))]
    assert sum(repeats) <= 2


@every_preset
def test_utterances_follow_one_another_without_a_gap(preset: Preset) -> None:
    stage = ready(preset)
    words = [speech(1.2, 1), speech(0.64, 2), speech(0.12, 3)]
    began = stage.now
    for each in words:
        stage.push(each)
        stage.end()
    stage.run(4)
    assert np.array_equal(said(stage, began), np.concatenate(words))
    assert stage.states() == ["started", "finished"] * 3


@every_preset
@pytest.mark.parametrize("behind", [0.1, 0.4, 0.8, 1.3])
def test_an_utterance_that_comes_while_the_one_before_is_heard_follows_it_closely(
    preset: Preset, behind: float
) -> None:
    stage = ready(preset)
    began, words = stage.now, [speech(1, 1), speech(1, 2)]
    stage.push(words[0])
    stage.end()
    stage.run(behind)
    asked = stage.now
    stage.push(words[1])
    stage.end()
    stage.run(5)
    heard = said(stage, began)
    assert np.array_equal(heard[:16_000], words[0])
    assert np.array_equal(heard[-16_000:], words[1])
    assert in_step(stage, loud(stage.since(began)))
    assert stage.states() == ["started", "finished"] * 2
    finished, started = stage.told[1][0], stage.told[2][0]
    assert started - max(finished, asked) < TAKES + 0.16


@every_preset
@pytest.mark.parametrize("seconds", [0.01, 0.04, 0.05, 0.7])
def test_short_utterances(preset: Preset, seconds: float) -> None:
    stage = ready(preset)
    began, words = stage.now, speech(seconds)
    stage.push(words)
    stage.end()
    stage.run(3)
    assert np.array_equal(said(stage, began), words)
    assert stage.states() == ["started", "finished"]


@every_preset
@pytest.mark.parametrize("speed", [1.0, 1.05, 4.0])
def test_a_source_that_is_hardly_faster_than_real_time_is_heard_without_gaps(preset: Preset, speed: float) -> None:
    stage = ready(preset)
    began, words = stage.now, speech(4)
    random, at = np.random.default_rng(4), 0.0
    for i in range(0, len(words), 320):
        at = max(at, began + (i + 320) / 16_000 / speed + random.uniform(0, 0.03))
        stage.at(at, lambda i=i: stage.push(words[i : i + 320]))
    stage.at(began + 4.1, stage.end)
    stage.run(8)
    assert np.array_equal(said(stage, began), words)
    assert in_step(stage, loud(stage.since(began)))
    assert stage.states() == ["started", "finished"]
    assert loud(stage.since(began))[0].at - began < max(0.15, (preset.hop + preset.lookahead) * 0.04) + TAKES + 0.12


@every_preset
def test_a_source_that_stalls_goes_on_where_it_was(preset: Preset) -> None:
    stage = ready(preset)
    began, words = stage.now, speech(2)
    stage.push(words[:16_000])
    stage.run(3)
    stage.push(words[16_000:])
    stage.end()
    resumed = stage.now
    stage.run(3)
    heard = stage.audio(began)
    assert np.array_equal(heard[heard != 0], words)
    assert loud(stage.since(resumed))[0].at - resumed < TAKES + 0.08
    assert stage.states() == ["started", "finished"]


@every_preset
@pytest.mark.parametrize("by_speaker", [True, False])
@pytest.mark.parametrize("after", [0.03, 0.4, 1.234])
def test_an_interrupt_ends_speech_at_once_and_the_portrait_falls_to_rest(
    preset: Preset, by_speaker: bool, after: float
) -> None:
    stage = ready(preset)
    stage.push(speech(5))
    stage.end()
    stage.push(speech(1))
    stage.run(after)
    seen = stage.shown[-1]
    now = stage.now
    stage.pipeline.interrupt(by_speaker=by_speaker)
    stage.run(3)
    assert not loud(stage.since(now))
    assert stage.engine.rewinds[-1] == seen.frame_k
    ends = [message for _, message in stage.told if message.state != "started"]
    assert [(each.state, each.utterance) for each in ends] == [("interrupted", 0), ("interrupted", 1)]
    assert stage.states().count("started") <= 1
    heard = sum(1 for tick in stage.shown if np.abs(tick.pcm).max() > 0.05)
    assert [each.spoken_ms for each in ends] == [heard * 40, 0]
    assert [each.shown_ms for each in ends] == [None, None]
    fresh = [tick for tick in stage.since(now) if tick.frame_k != seen.frame_k]
    assert fresh[0].at - now < 0.12
    assert all(not w.pcm.any() for w in stage.engine.asked if fresh[0].frame_k <= w.k)
    assert all(b.frame_k == a.frame_k + 1 for a, b in pairwise(fresh)), "and idles on"
    again, words = stage.now, speech(1)
    stage.push(words)
    stage.end()
    stage.run(3)
    assert np.array_equal(said(stage, again), words)
    assert loud(stage.since(again))[0].at - again < TAKES + 0.08
    ks = [tick.frame_k for tick in stage.shown if tick.frame_k is not None]
    assert ks == sorted(ks)


def test_an_interrupt_of_nothing_is_answered_to_the_one_who_asked() -> None:
    stage = ready(Preset(8, 2, 900))
    asked = len(stage.engine.rewinds)
    stage.pipeline.interrupt()
    assert stage.states() == []
    stage.pipeline.interrupt(by_speaker=True)
    assert [message for _, message in stage.told] == [Playback("interrupted", stage.push_source._log.sent or 0)]
    assert len(stage.engine.rewinds) == asked


@every_preset
def test_a_grown_delay_does_not_hold_up_the_rest(preset: Preset) -> None:
    stage = ready(preset)
    words = speech(20)
    stage.push(words)
    stage.run(4)
    stage.engine.takes = 0.13
    stage.run(0.2)
    stage.engine.takes = TAKES
    stage.run(5)
    now = stage.now
    seen = stage.shown[-1].frame_k
    stage.pipeline.interrupt()
    stage.run(1)
    assert next(tick.at for tick in stage.since(now) if tick.frame_k != seen) - now < 0.13


def test_the_playout_never_holds_more_than_its_bound() -> None:
    """A prebuffer of hop and lookahead fits under every max delay."""
    for preset in PRESETS:
        Playout(hop=preset.hop, lookahead=preset.lookahead, max_delay_ms=preset.max_delay_ms)
        assert (preset.hop + preset.lookahead) * BLOCK_SAMPLES <= preset.max_delay_ms * 16


def test_what_is_pushed_counts_as_speech_until_it_is_spoken() -> None:
    stage = ready(Preset(2, 0, 600))
    assert not stage.push_source.has_spoken()
    stage.push(speech(3))
    stage.end()
    told = []
    for _ in range(20):
        stage.run(0.25)
        told.append(stage.push_source.has_spoken())
    assert all(told[:11])
    assert not any(told[14:])


@every_preset
def test_every_message_says_how_much_was_sent(preset: Preset) -> None:
    stage = ready(preset)
    for turn, seconds in enumerate((0.04, 1.0, 0.61)):
        stage.push(speech(seconds, turn))
        stage.end()
        stage.run(0.3 if turn == 1 else 2)
    stage.run(2)
    assert [(each.state, each.utterance, each.spoken_ms) for _, each in stage.told] == [
        ("started", 0, 40),
        ("finished", 0, 40),
        ("started", 1, 40),
        ("finished", 1, 1000),
        ("started", 2, 40),
        ("finished", 2, 610),
    ]


@every_preset
def test_it_tells_when_the_portrait_begins_and_ceases_to_speak(preset: Preset) -> None:
    stage = ready(preset)
    told: list[tuple[float, AvatarActivity]] = []
    stage.push_source.on_activity = lambda message: told.append((stage.now, message))
    stage.push(speech(1, 1))
    stage.end()
    stage.push(speech(0.5, 2))
    stage.end()
    stage.run(3)
    ticks = loud(stage.shown)
    assert [message.state for _, message in told] == ["speaking", "silent"]
    assert told[0][0] == ticks[0].at
    assert told[1][0] == pytest.approx(ticks[-1].at + 0.04, abs=0.01)
    assert [message.k for _, message in told] == [ticks[0].frame_k, ticks[-1].frame_k]
    stage.push(speech(5, 3))
    stage.run(1)
    stage.pipeline.interrupt()
    assert [message.state for _, message in told] == ["speaking", "silent"] * 2
    assert told[-1] == (stage.now, AvatarActivity("silent", loud(stage.shown)[-1].frame_k or 0))


def test_the_end_of_the_session_is_the_end_of_every_utterance() -> None:
    stage = ready(Preset(8, 2, 900))
    for turn in range(3):
        stage.push(speech(1, turn))
        stage.end()
    stage.push(speech(1))
    stage.run(1.2)
    stage.push_source.close(stage.now)
    stage.push_source.close(stage.now)
    ends = [each for _, each in stage.told if each.state != "started"]
    assert [(each.state, each.utterance) for each in ends] == [
        ("finished", 0),
        *(("interrupted", n) for n in (1, 2, 3)),
    ]
    assert 0 < ends[1].spoken_ms < 400
    assert [each.spoken_ms for each in ends[2:]] == [0, 0]


def repeats(stage: Stage, since: float) -> int:
    return sum(a.frame_k == b.frame_k for a, b in pairwise(stage.since(since)))


@every_preset
def test_an_engine_that_is_late_for_once_is_not_seen_to_be_while_speech_waits(preset: Preset) -> None:
    """It gets what waits ahead of time: a hiccup of a quarter of a second harms no frame, and delays nothing."""
    stage = ready(preset)
    stage.push(speech(8))
    stage.end()
    stage.run(3)
    delay = stage.pacer.playout.stats.delay_ms
    now = stage.now
    stage.engine.takes = TAKES + 0.25
    stage.run(0.2)
    stage.engine.takes = TAKES
    stage.run(3)
    assert repeats(stage, now) == 0
    assert in_step(stage, loud(stage.since(now)))
    assert stage.pacer.playout.stats.delay_ms == pytest.approx(delay, abs=2)


@every_preset
def test_the_engine_is_ahead_by_a_third_of_a_second_at_most_and_never_of_silence(preset: Preset) -> None:
    stage = ready(preset)
    stage.push(speech(4))
    stage.end()
    most, source = 0, stage.push_source
    for _ in range(600):
        stage.run(0.01)
        end = stage.engine.asked[-1].k + preset.hop + preset.lookahead
        most = max(most, end - source.come)
        assert end <= source.come + MOST
        if source.phase is Phase.IDLE and source._log.unsent is None:
            assert end <= source.come
    assert most > 0
    assert most >= MOST - preset.hop


@every_preset
def test_after_long_speech_the_portrait_idles_on_without_a_hitch(preset: Preset) -> None:
    """That frames came early while it spoke does not make the delay too short for those that cannot."""
    stage = ready(preset)
    stage.push(speech(25))
    stage.end()
    stage.run(24)
    now = stage.now
    stage.run(8)
    assert stage.states() == ["started", "finished"]
    assert repeats(stage, now) <= 2


@every_preset
@pytest.mark.parametrize("seed", range(3))
def test_interrupts_at_any_time_leave_nothing_of_what_was_asked_for_ahead(preset: Preset, seed: int) -> None:
    stage = ready(preset)
    dice = np.random.default_rng(seed)
    for turn in range(12):
        stage.push(speech(2, turn))
        stage.end()
        stage.run(dice.uniform(0.01, 1.2))
        stage.pipeline.interrupt(by_speaker=bool(dice.integers(2)))
        now = stage.now
        stage.run(dice.uniform(0.01, 0.6))
        assert not loud(stage.since(now))
        frames = [tick.frame_k for tick in stage.shown if tick.frame_k is not None]
        assert frames == sorted(frames)
        assert len(stage.pacer.ahead._frames) <= 24 + MOST
    again, words = stage.now, speech(2, 99)
    stage.push(words)
    stage.end()
    stage.run(4)
    assert np.array_equal(said(stage, again), words)
    assert in_step(stage, loud(stage.since(again)))
    assert [each.utterance for _, each in stage.told if each.state != "started"] == list(range(13))
