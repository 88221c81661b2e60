"""What a measuring client says."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from livehead.bench.latency.stimulus import BURST_S, RATE, bursts, speech
from livehead.errors import MediaError

SPEECH = Path(__file__).parents[2] / "data" / "speech.flac"


def test_bursts_begin_where_they_say_and_anywhere_within_a_block() -> None:
    source = bursts(60, seed=1)
    assert len(source.pcm) == 60 * RATE
    for onset in source.onsets:
        first = round(onset * RATE)
        assert not source.pcm[first - 4800 : first].any()
        assert np.abs(source.pcm[first : first + 480]).max() > 10_000
        assert not source.pcm[first + round(BURST_S * RATE) :][:4800].any()
    phases = np.array(source.onsets) % 0.04
    assert phases.min() < 0.005
    assert phases.max() > 0.035
    assert all(0.6 < b - a < 0.95 for a, b in pairwise(source.onsets))


def test_packets_go_on_in_silence_behind_the_end() -> None:
    source = bursts(2, seed=1)
    assert len(source.packet(99, 960)) == 960
    assert not source.packet(500, 960).any()


def test_a_file_is_said_over_and_over() -> None:
    source = speech(SPEECH, 45)
    assert len(source.pcm) == 45 * RATE
    assert source.onsets == ()
    assert source.power[-10_000:].max() > 1e-4


def test_what_cannot_be_said_is_an_error_in_words(tmp_path: Path) -> None:
    silent = tmp_path / "text.wav"
    silent.write_text("this is no audio")
    with pytest.raises(MediaError, match="cannot be read"):
        speech(silent, 5)
    with pytest.raises(MediaError, match="no file"):
        speech(tmp_path / "none.wav", 5)
