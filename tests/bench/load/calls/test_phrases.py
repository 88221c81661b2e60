"""When simulated callers speak, and what their microphones hear."""

from __future__ import annotations

from itertools import groupby, pairwise

import numpy as np
import pytest

from livehead.bench.load.calls.microphone import LOUDNESS, Microphone
from livehead.bench.load.calls.phrases import LONGEST_S, SHORTEST_S, Phrases
from livehead.core.block import BLOCK_S, BLOCK_SAMPLES
from livehead.core.voice.activity import WINDOW


def spoken(share: float, seconds: float, seed: int = 1) -> list[bool]:
    phrases = Phrases(share, seed)
    return [phrases.speaks(block) for block in range(round(seconds / BLOCK_S))]


@pytest.mark.parametrize("share", [0.1, 0.4, 0.8])
def test_speech_takes_its_share_in_phrases(share: float) -> None:
    blocks = [block for seed in range(20) for block in spoken(share, 600, seed)]
    assert np.mean(blocks) == pytest.approx(share, rel=0.08)
    runs = [(speaks, len(list(run)) * BLOCK_S) for speaks, run in groupby(spoken(share, 2000))][1:-1]
    lengths = [length for speaks, length in runs if speaks]
    assert min(lengths) >= SHORTEST_S - BLOCK_S
    assert max(lengths) <= LONGEST_S + BLOCK_S
    assert np.mean(lengths) == pytest.approx(3.5, rel=0.15)


def test_all_and_nothing() -> None:
    assert all(spoken(1.0, 60))
    assert not any(spoken(0.0, 60))


def test_a_seed_draws_the_same_again() -> None:
    assert spoken(0.4, 60, 3) == spoken(0.4, 60, 3) != spoken(0.4, 60, 4)
    assert len({next(iter(spoken(0.5, 1, seed))) for seed in range(20)}) == 2  # some begin in the middle of a phrase


def test_a_microphone_hears_every_block_once_and_speech_is_judged_in_it() -> None:
    microphone = Microphone(Phrases(0.5, 2), 2)
    windows, loud, speaks = [], [], []
    for block in range(2000):
        start, pcm, judged = microphone.next()
        assert (start, pcm.dtype, pcm.shape) == (block * BLOCK_SAMPLES, np.float32, (BLOCK_SAMPLES,))
        assert all(window.at + WINDOW <= start for window in judged)  # what is not heard cannot be judged
        windows += judged
        speaks.append(microphone.speaks)
        loud.append(float(np.abs(pcm).mean()) > LOUDNESS / 2)
    assert all(other.at - one.at == WINDOW for one, other in pairwise(windows))
    assert windows[-1].at + 2 * WINDOW > 1998 * BLOCK_SAMPLES
    for window in windows:
        blocks = {window.at // BLOCK_SAMPLES, (window.at + WINDOW - 1) // BLOCK_SAMPLES}
        assert (window.probability > 0.5) == any(speaks[block] for block in blocks)
    assert all(speech for speech, each in zip(speaks, loud, strict=True) if each)
    assert 0.7 < sum(loud) / sum(speaks) < 0.95  # words have gaps
