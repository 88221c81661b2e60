"""A session's moves between presets through its whole pipeline, on a clock of the test's own, and what it tells."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from livehead.core.block import BLOCK_SAMPLES
from livehead.core.messages.from_server import LatencyNotice
from livehead.core.recent_delays import RecentDelays
from livehead.engine.base import Preset
from livehead.errors import UnprocessableError
from livehead.sessions.session_latency import SessionLatency
from sessions.stage import Shown, Stage, in_step, loud, noise, speech

PRESETS = {"low": Preset(4, 1, 600), "balanced": Preset(8, 1, 900), "throughput": Preset(24, 0, 1600)}

both_sources = pytest.mark.parametrize("pushed", [True, False], ids=["push", "mic"])


class Moved:
    """A stage, what it was asked for, and what it told."""

    def __init__(self, name: str, *, pushed: bool, silence_hop: int = 0) -> None:
        self.stage = Stage(PRESETS[name], pushed=pushed, silence_hop=silence_hop)
        self.stage.push_source.begin_at(self.stage.now)
        self.told: list[tuple[float, LatencyNotice]] = []
        self.delays = RecentDelays()
        self.latency = SessionLatency("auto", name, PRESETS, self.stage.pipeline, self.delays, self._tell)
        source, on_block = (self.stage.push_source if pushed else self.stage.mic), self.latency.block_sent

        def sent(k: int, delay_ms: float, frame: int | None) -> None:
            source.block_sent(k, frame, self.stage.now)
            on_block(k, delay_ms)

        self.stage.pacer._on_block = sent

    def talk(self, seconds: float, *, pushed: bool) -> np.ndarray:
        return self._say(speech(seconds), pushed=pushed)

    def say_all(self, sounds: list[np.ndarray]) -> np.ndarray:
        """Into the microphone, in whole packets."""
        return self._say(np.concatenate([sound[: len(sound) // 640 * 640] for sound in sounds]), pushed=False)

    def be_silent(self, seconds: float) -> None:
        """Into the microphone."""
        self._say(np.zeros(round(seconds * 16_000), np.float32), pushed=False)

    def _say(self, words: np.ndarray, *, pushed: bool) -> np.ndarray:
        if pushed:
            self.stage.push(words)
            self.stage.end()
        else:
            for i in range(len(words) // 320):
                piece = words[i * 320 : (i + 1) * 320]
                self.stage.at(self.stage.now + 0.02 * (i + 1), lambda piece=piece: self.stage.hear(piece))
        return words

    def _tell(self, notice: LatencyNotice) -> None:
        self.told.append((self.stage.now, notice))


def longest_picture_s(ticks: list[Shown]) -> float:
    news = [b.at for a, b in pairwise(ticks) if a.frame_k != b.frame_k]
    return max(b - a for a, b in pairwise(news))


@both_sources
def test_a_session_that_talks_is_moved_there_and_back_and_nobody_notices(pushed: bool) -> None:
    moved = Moved("low", pushed=pushed)
    stage = moved.stage
    stage.run(2)
    words = moved.talk(24, pushed=pushed)
    stage.run(4)
    asked = stage.now
    moved.latency.move_to("throughput")
    assert (moved.latency.preset, moved.latency.going_to) == ("low", "throughput")
    stage.run(12)
    moved.latency.move_to("low")
    stage.run(8)
    if not pushed:
        moved.be_silent(12)
    (up, first), (down, second) = moved.told
    assert [first, second] == [LatencyNotice("throughput", "server"), LatencyNotice("low", "server")]
    assert 3 <= up - asked < 8
    assert down == asked + 12
    stage.run(12)
    seen = stage.since(asked)
    assert longest_picture_s(seen) <= 0.084
    assert in_step(stage, loud(seen))
    heard = np.concatenate([tick.pcm for tick in loud(stage.shown)])
    whole = len(words) // BLOCK_SAMPLES * BLOCK_SAMPLES
    assert np.array_equal(heard[:whole], words[:whole])
    assert stage.pacer.playout.stats.delay_ms < 5 * 40 + 50 + 45
    assert stage.pacer.playout.stats.max_delay_ms == 600


def test_pushed_speech_is_moved_between_utterances_at_once() -> None:
    moved = Moved("low", pushed=True)
    stage = moved.stage
    stage.run(2)
    moved.talk(2, pushed=True)
    stage.run(1)
    moved.latency.move_to("throughput")
    assert moved.told == []
    stage.run(3)
    ((at, _),) = moved.told
    assert at - 502 < 2.6, "as soon as it was said"
    again = stage.now
    moved.talk(2, pushed=True)
    stage.run(4)
    assert in_step(stage, loud(stage.since(again)))
    assert longest_picture_s(stage.since(503)) <= 0.125, "a step, where the timeline restarts"


@both_sources
def test_a_silent_session_is_moved_at_once(pushed: bool) -> None:
    moved = Moved("throughput", pushed=pushed)
    moved.stage.run(2)
    moved.latency.move_to("low")
    moved.latency.move_to("balanced")
    moved.stage.run(0.5)
    assert [notice.preset for _, notice in moved.told] == ["low", "balanced"]


def test_what_is_taken_back_is_not_told() -> None:
    moved = Moved("low", pushed=False)
    moved.stage.run(1)
    moved.talk(20, pushed=False)
    moved.stage.run(3)
    moved.latency.move_to("throughput")
    moved.stage.run(5)
    moved.latency.move_to("low")
    moved.stage.run(5)
    assert moved.told == []
    assert moved.latency.going_to == "low"


def test_what_a_client_chose_is_told_so_and_auto_keeps_what_there_is() -> None:
    moved = Moved("low", pushed=False)
    moved.latency.choose("balanced")
    moved.latency.choose("auto")
    moved.latency.choose("balanced")
    assert [notice for _, notice in moved.told] == [LatencyNotice("balanced", "client")]
    assert (moved.latency.choice, moved.latency.preset) == ("balanced", "balanced")
    with pytest.raises(UnprocessableError):
        moved.latency.choose("none")
    assert moved.latency.choice == "balanced"


def test_delays_are_noted_where_they_belong() -> None:
    moved = Moved("low", pushed=False)
    moved.stage.run(1)
    moved.talk(40, pushed=False)
    moved.stage.run(5)
    moved.latency.move_to("throughput")
    moved.stage.run(12)
    moved.latency.choose("low")
    moved.stage.run(20)
    low, throughput = moved.delays.of("low"), moved.delays.of("throughput")
    assert low is not None
    assert throughput is not None
    assert low.p99 < 5 * 40 + 50 + 45
    assert 24 * 40 + 50 <= throughput.p50 <= throughput.p99 < 24 * 40 + 50 + 45


@pytest.mark.parametrize("seed", range(4))
def test_a_conversation_in_a_noisy_room_is_moved_again_and_again(seed: int) -> None:
    """With silence that is made ahead, given up when somebody speaks, and skipped where the delay comes down."""
    dice = random.Random(seed)
    moved = Moved(dice.choice(list(PRESETS)), pushed=False, silence_hop=28)
    stage = moved.stage
    stage.run(1)
    sounds: list[np.ndarray] = []
    for phrase in range(10):
        sounds += [noise(dice.uniform(0.3, 3)), speech(dice.uniform(0.4, 5), phrase)]
    said = moved.say_all(sounds)
    stage.run(3)
    began = stage.now
    while stage.now < began + len(said) / 16_000 - 8:
        moved.latency.move_to(dice.choice(list(PRESETS)))
        stage.run(dice.choice([1, 3, 8]))
    seen = [tick for tick in stage.since(began) if tick.at < began + len(said) / 16_000 - 4]
    assert moved.told
    assert longest_picture_s(seen) <= 0.084
    assert in_step(stage, loud(seen))
    heard = np.concatenate([tick.pcm for tick in loud(stage.shown)])
    words = np.concatenate([block for block in said.reshape(-1, BLOCK_SAMPLES) if np.abs(block).max() > 0.05])
    assert np.array_equal(heard, words[: len(heard)])
