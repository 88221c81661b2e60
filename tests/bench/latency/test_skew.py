"""The frame behind the voice, on simulated streams."""

from __future__ import annotations

import numpy as np
import pytest

from livehead.bench.latency.alignment import Alignment
from livehead.bench.latency.recorders.recording import AudioPacket, Recording, SenderReport
from livehead.bench.latency.skew import Skew, skew
from livehead.bench.latency.stimulus import bursts

DELAY_MS = 80
BEGAN = 50.0
AT = Alignment(np.array([0]), np.array([0.0]), 1.0)


def streams(frame_later_ms: float, report_later_ms: float) -> Skew:
    """Audio comes back 80 ms later in packets of 20 ms; frames arrive ``video_later_ms`` after their audio, and
    the reports say that they are ``report_later_ms`` behind it."""
    sent = bursts(20, seed=9).power
    voice = np.concatenate([np.zeros(DELAY_MS), sent])
    recording = Recording(began=BEGAN)
    for n in range(len(voice) // 20):
        arrived = BEGAN + n * 0.020
        recording.audio_packets.append(AudioPacket(123_000 + n * 960, arrived, tuple(voice[n * 20 : n * 20 + 20])))
    recording.audio_reports.append(SenderReport(0.0, 9000.0, 123_000))
    recording.frame_reports.append(SenderReport(0.0, 9000.0 + report_later_ms / 1000, 777_000))
    frames = []
    for k in range(50, 400):
        media = k * 0.040 + DELAY_MS / 1000
        frames.append((k, 777_000 + round(media * 90_000), BEGAN + media + frame_later_ms / 1000))
    return skew(recording, sent, frames, AT)


@pytest.mark.parametrize("later", [-30.0, 0.0, 25.0])
def test_by_arrival_it_is_what_the_frames_come_later(later: float) -> None:
    found = streams(later, 0.0)
    assert len(found.arrived) > 300
    assert np.median(found.arrived) == pytest.approx(later, abs=1.5)
    assert np.median(found.played) == pytest.approx(0.0, abs=1.5)


@pytest.mark.parametrize("later", [-40.0, 15.0])
def test_as_played_it_is_what_the_sender_reports_say(later: float) -> None:
    assert np.median(streams(0.0, later).played) == pytest.approx(later, abs=1.5)


def test_without_a_voice_there_is_none() -> None:
    assert skew(Recording(), bursts(5, seed=1).power, [(3, 0, 1.0)], AT) == Skew()
