"""FLAC frames without a container."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest

from livehead.errors import MediaError
from livehead.media.audio.flac import decode_flac, encode_flac


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 640, 1152, 1153, 5000, 32_000])
def test_every_sample_comes_back(length: int) -> None:
    chance = np.random.default_rng(length)
    for samples in (
        chance.integers(-32768, 32768, length).astype(np.int16),
        np.rint(9000 * np.sin(np.arange(length) / 9)).astype(np.int16),
        np.zeros(length, np.int16),
    ):
        assert np.array_equal(decode_flac(encode_flac(samples), length), samples)


def test_silence_takes_next_to_nothing() -> None:
    assert sum(map(len, encode_flac(np.zeros(16_000, np.int16)))) < 200


@pytest.mark.parametrize("wrong", [0, 639, 641, 6400])
def test_another_length_is_refused(wrong: int) -> None:
    frames = encode_flac(np.arange(640, dtype=np.int16))
    with pytest.raises(MediaError):
        decode_flac(frames, wrong)


def test_what_is_no_flac_is_refused() -> None:
    frame = encode_flac(np.arange(640, dtype=np.int16))[0]
    chance = np.random.default_rng(1)
    for _ in range(300):
        broken = bytearray(frame)
        broken[chance.integers(len(broken))] ^= 1 << chance.integers(8)
        with suppress(MediaError):
            assert len(decode_flac([bytes(broken)], 640)) == 640  # FFmpeg does not look at every checksum
    with pytest.raises(MediaError):
        decode_flac([b"fLaC"], 640)
