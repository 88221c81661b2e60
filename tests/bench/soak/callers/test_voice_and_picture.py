"""The skew between voice and picture, against one that is known."""

from __future__ import annotations

import numpy as np
import pytest

from livehead.bench.latency.recorders.recording import AudioPacket, DecodedFrame, SenderReport
from livehead.bench.latency.stimulus import RATE, power
from livehead.bench.soak.callers.babble import PUSH_RATE, Babble, for_push, wav
from livehead.bench.soak.callers.voice_and_picture import skew_ms
from livehead.core.test_pattern import loudness

WALL = 1_000_000.0
BLOCK = RATE // 25
PACKET = RATE // 50


def received(behind_ms: float, seconds: float = 8.0, seed: int = 1) -> tuple[list, list, list, list]:
    """Frames with their reports and voice with its, as if the picture was so far behind. Both began at ``WALL``, their
    own clocks anywhere."""
    babble, spoken = Babble(seed), [np.zeros(RATE, np.int16)]
    while sum(map(len, spoken)) < seconds * RATE:
        spoken += [babble.phrase(1.5), np.zeros(RATE // 2, np.int16)]
    pcm = np.concatenate(spoken)[: round(seconds * RATE)].astype(np.float32) / np.float32(32768)
    frames = [
        DecodedFrame(5000 + k * 3600, k / 25, k / 25, k, loudness(pcm[k * BLOCK : (k + 1) * BLOCK]))
        for k in range(len(pcm) // BLOCK)
    ]
    voice = [
        AudioPacket(777 + n * PACKET, n / 50, tuple(power(pcm[n * PACKET : (n + 1) * PACKET]).tolist()))
        for n in range(len(pcm) // PACKET)
    ]
    return frames, [SenderReport(0.0, WALL + behind_ms / 1000, 5000)], voice, [SenderReport(0.0, WALL, 777)]


@pytest.mark.parametrize("behind_ms", [-120.0, -7.0, 0.0, 13.0, 250.0])
def test_it_is_found_to_within_two_milliseconds(behind_ms: float) -> None:
    assert skew_ms(*received(behind_ms)) == pytest.approx(behind_ms, abs=2.0)


def test_lost_frames_and_packets_do_not_matter() -> None:
    frames, frame_reports, voice, voice_reports = received(20.0, seed=2)
    assert skew_ms(frames[::2], frame_reports, [v for n, v in enumerate(voice) if n % 10], voice_reports) == (
        pytest.approx(20.0, abs=4.0)
    )


def test_nothing_is_said_of_silence_and_of_other_sound() -> None:
    frames, frame_reports, voice, voice_reports = received(0.0)
    silent = [DecodedFrame(f.timestamp, f.arrived, f.decoded, f.k, 0) for f in frames]
    assert skew_ms(silent, frame_reports, voice, voice_reports) is None
    assert skew_ms(frames, frame_reports, received(0.0, seed=3)[2], voice_reports) is None
    assert skew_ms(frames, [], voice, voice_reports) is None
    assert skew_ms(frames, frame_reports, voice[:20], voice_reports) is None
    assert skew_ms([], frame_reports, voice, voice_reports) is None


def test_babble_has_phrases_of_one_to_six_seconds_and_two_fifths_of_the_time() -> None:
    babble = Babble(4)
    phrases = [len(babble.phrase()) / RATE for _ in range(200)]
    assert 1 <= min(phrases) < 1.5
    assert 5.5 < max(phrases) <= 6
    paused = sum(babble.pause(seconds) for seconds in phrases)
    assert sum(phrases) / (sum(phrases) + paused) == pytest.approx(0.4, abs=0.03)
    assert len(for_push(babble.phrase(2.0))) <= 2 * PUSH_RATE
    assert wav(babble.phrase(1.0))[:4] == b"RIFF"
