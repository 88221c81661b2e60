from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livehead.bench.latency.recorders.counters import Unwrapped
from livehead.core.block import BLOCK_SAMPLES
from livehead.core.messages.from_server import AvatarActivity
from livehead.core.voice.activity import WINDOW
from livehead.core.voice.speech_gate import JudgedWindow
from livehead.sessions.sources.base import IDLE_BLOCK, Span
from livehead.sessions.sources.mic import MicSource

PACKET = 320
AUDIO = np.full(PACKET, 0.1, np.float32)


def blocks_of(span: Span | None) -> range:
    assert span is not None
    assert not span.pcm.any()
    first, rest = divmod(span.start, BLOCK_SAMPLES)
    assert rest == len(span.pcm) % BLOCK_SAMPLES == 0
    return range(first, first + len(span.pcm) // BLOCK_SAMPLES)


def heard(mic: MicSource, start: int) -> Span:
    span = mic.hear(start, AUDIO)
    assert span is not None
    return span


def test_idle_frames_are_told_from_the_first_ones_by_their_test_pattern_too() -> None:
    """For 20 minutes of idling the 16 bits of k lie in the upper half, and the way to block 0 leads forward."""
    unwrap = Unwrapped(16)
    idle = [unwrap(k % (1 << 16)) for k in range(IDLE_BLOCK, IDLE_BLOCK + 20 * 60 * 25, 100)]
    assert all((k % (1 << 16)) >= 1 << 15 for k in idle)
    assert unwrap(0) > idle[-1] == max(idle)


@pytest.mark.parametrize(("hop", "lookahead"), [(1, 0), (8, 1), (24, 0)])
def test_before_the_first_audio_a_prebuffer_of_silence_is_there_and_then_it_comes_in_real_time(
    hop: int, lookahead: int
) -> None:
    mic = MicSource(hop, lookahead)
    assert mic.due is None
    prebuffer = blocks_of(mic.poll(10.0, 0))
    assert prebuffer == range(IDLE_BLOCK, IDLE_BLOCK + hop + lookahead)
    assert mic.poll(10.03, 0) is None
    for i in range(1, 100):
        assert mic.due == pytest.approx(10.0 + i * 0.04)
        assert blocks_of(mic.poll(mic.due, 0)) == range(prebuffer.stop + i - 1, prebuffer.stop + i)


def test_before_the_first_audio_another_preset_begins_with_a_prebuffer_of_its_own() -> None:
    mic = MicSource(1, 0)
    assert mic.set_preset(2, 0, 9.0) is None, "nothing was handed over yet"
    before = blocks_of(mic.poll(10.0, 0))
    assert len(before) == 2
    restart = mic.set_preset(24, 0, 10.1)
    assert restart is not None
    assert restart.restart
    assert blocks_of(restart) == range(before.stop, before.stop + 24)
    assert mic.poll(10.12, 0) is None
    assert mic.due == pytest.approx(10.14)
    assert len(blocks_of(mic.poll(10.14, 0))) == 1
    mic.hear(0, AUDIO)
    assert mic.set_preset(1, 0, 10.3) is None, "the client's audio comes when it comes"


def test_the_first_sample_is_sample_0_and_from_then_on_the_source_adds_no_silence() -> None:
    """Gaps are the jitter buffer's to fill."""
    mic = MicSource(1, 0)
    mic.poll(0, 0)
    first = heard(mic, 0)
    assert (first.start, first.discontinuity, first.restart) == (0, True, False)
    second = heard(mic, PACKET)
    assert (second.start, second.discontinuity) == (PACKET, False)
    assert mic.poll(1.04, 0) is None
    assert mic.poll(60.0, 0) is None
    assert mic.due is None


def test_an_interrupt_takes_what_is_heard_until_the_restart_with_it() -> None:
    mic = MicSource(2, 1)
    mic.poll(0, 0)
    heard(mic, 0)
    assert mic.interrupt(1.0, by_speaker=False)
    assert not mic.interrupt(1.0, by_speaker=False), "it waits for its restart"
    assert mic.hear(PACKET, AUDIO) is None
    assert mic.hear(2 * PACKET, AUDIO) is None
    silence = mic.restart(1.2)
    assert silence.restart
    assert blocks_of(silence) == range(2, 5)
    assert not mic.interrupt(1.3, by_speaker=False), "nothing came since"
    assert heard(mic, 3 * PACKET).start == 5 * BLOCK_SAMPLES
    assert heard(mic, 4 * PACKET).start == 5 * BLOCK_SAMPLES + PACKET
    assert mic.interrupt(1.4, by_speaker=False)


@given(st.lists(st.sampled_from(["hear", "poll", "interrupt", "restart", "preset"]), max_size=200), st.integers(1, 24))
def test_what_comes_out_never_goes_back_and_leaves_no_gap(acts: list[str], hop: int) -> None:
    """Whatever happens, a span follows the one before without a break, or says that it does not."""
    mic, now, sent, end, halted = MicSource(hop, 1), 0.0, 0, IDLE_BLOCK * BLOCK_SAMPLES, False
    for act in acts:
        now += 0.021
        span: Span | None = None
        if act == "hear":
            span = mic.hear(sent, AUDIO)
            assert (span is None) == halted
            sent += PACKET
        elif act == "poll":
            span = mic.poll(now, 0)
        elif act == "interrupt":
            halted |= mic.interrupt(now, by_speaker=False)
        elif act == "restart" and halted:
            span, halted = mic.restart(now), False
        elif act == "preset":
            span = mic.set_preset(hop, 2, now)
        if span is None:
            continue
        assert span.start >= end if span.discontinuity else span.start == end
        end = span.start + len(span.pcm)


@pytest.mark.parametrize(("level", "spoken"), [(0.0, False), (0.003, False), (0.0033, True), (0.5, True)])
def test_what_is_louder_than_50_db_below_full_scale_is_speech(level: float, spoken: bool) -> None:
    mic = MicSource(1, 0)
    mic.hear(0, np.full(PACKET, level, np.float32))
    mic.hear(PACKET, np.zeros(PACKET, np.float32))
    assert mic.has_spoken() is spoken
    assert not mic.has_spoken(), "it is told once"


def test_the_portrait_speaks_while_the_voice_is_loud() -> None:
    """Told when the blocks are sent, not when they are heard; pauses between words are no end of it."""
    mic = MicSource(1, 0)
    told: list[AvatarActivity] = []
    mic.on_activity = told.append
    quiet, loud = np.zeros(PACKET, np.float32), AUDIO
    words = [quiet] * 10 + [loud] * 20 + [quiet] * 16 + [loud] * 4 + [quiet] * 40
    for n, pcm in enumerate(words):
        mic.hear(n * PACKET, pcm)
    assert told == []
    for k in range(-3, 45):
        mic.block_sent(k, k, 0.0)
    assert told == [AvatarActivity("speaking", 5), AvatarActivity("silent", 24)]


def test_what_an_interrupt_drops_is_not_spoken() -> None:
    mic = MicSource(1, 0)
    told: list[AvatarActivity] = []
    mic.on_activity = told.append
    for n in range(20):
        mic.hear(n * PACKET, AUDIO)
    mic.block_sent(0, 0, 0.0)
    assert mic.interrupt(0.0, by_speaker=False)
    for n in range(20, 30):
        mic.hear(n * PACKET, AUDIO)
    mic.restart(0.0)
    for k in range(10, 40):
        mic.block_sent(k, k, 0.0)
    assert told == [AvatarActivity("speaking", 0), AvatarActivity("silent", 0)]


def judged(first: int, last: int, probability: float) -> list[JudgedWindow]:
    """Windows ``first`` up to ``last``."""
    return [JudgedWindow(n * WINDOW, probability) for n in range(first, last)]


def test_noise_is_neither_speech_nor_spoken_however_loud_and_speech_is() -> None:
    mic = MicSource(1, 0)
    told: list[AvatarActivity] = []
    mic.on_activity = told.append
    mic.poll(0, 0)
    assert mic.speech_from is None, "before anything is heard"
    mic.hear(0, AUDIO)
    assert mic.speech_from == 0, "nobody has judged it yet"
    assert mic.speaking
    for n in range(1, 50):
        mic.hear(n * PACKET, AUDIO, judged((n - 1) * 5 // 8, n * 5 // 8, 0.02))
        assert mic.has_spoken() is (n == 1)
    assert mic.speech_from is None
    assert not mic.speaking
    assert not mic.has_spoken()
    assert not any(mic.is_speech(k) for k in range(1, 25))
    for n in range(50, 60):
        mic.hear(n * PACKET, AUDIO, judged((n - 1) * 5 // 8, n * 5 // 8, 0.9))
    assert mic.speech_from == (30 - 1) * WINDOW // BLOCK_SAMPLES
    assert mic.speaking
    assert mic.has_spoken()
    for k in range(30):
        mic.block_sent(k, k, 0.0)
    assert told == [AvatarActivity("speaking", mic.speech_from)]


def test_blocks_before_the_first_sample_are_silence() -> None:
    mic = MicSource(4, 1)
    mic.poll(0, 0)
    assert not mic.is_speech(IDLE_BLOCK)
    assert not mic.is_speech(-1)


def test_speech_goes_on_behind_the_silence_that_an_interrupt_inserts() -> None:
    mic = MicSource(2, 1)
    mic.poll(0, 0)
    for n in range(40):
        mic.hear(n * PACKET, AUDIO, judged((n - 1) * 5 // 8, n * 5 // 8, 0.9))
    assert mic.interrupt(1.0, by_speaker=False)
    silence = mic.restart(1.2)
    span = mic.hear(40 * PACKET, AUDIO, judged(24, 25, 0.9))
    assert span is not None
    assert span.start == silence.start + len(silence.pcm)
    assert mic.is_speech(span.start // BLOCK_SAMPLES)
    assert mic.speaking
