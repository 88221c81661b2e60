from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest

from livehead.client.speech.samples import Speech, encode, pieces


async def all_of(speech: Speech, rate: int = 1000, seconds: float = 0.01) -> list[bytes]:
    return [piece async for piece in pieces(speech, rate, seconds)]


def test_arrays_become_pcm16le() -> None:
    assert encode(np.array([1, -2], np.int16)) == b"\x01\x00\xfe\xff"
    assert encode(np.array([1, -2], ">i2")) == b"\x01\x00\xfe\xff"
    assert encode(np.array([0.0, 1.0, -1.0], np.float32)) == b"\x00\x00\xff\x7f\x01\x80"


def test_floats_beyond_full_scale_are_clipped_and_what_is_no_number_is_silence() -> None:
    loud = np.array([7.0, -7.0, np.nan, np.inf], np.float64)
    assert np.frombuffer(encode(loud), "<i2").tolist() == [32767, -32767, 0, 32767]


def test_what_is_no_mono_audio_is_refused() -> None:
    with pytest.raises(ValueError, match="mono"):
        encode(np.zeros((2, 100), np.int16))
    with pytest.raises(TypeError, match="int16, float32"):
        encode(np.zeros(100, np.int64))
    for wrong in ("text", 3, None):
        with pytest.raises(TypeError):
            pieces(wrong, 24_000, 0.2)  # type: ignore[arg-type]


def test_bytes_that_end_with_half_a_sample_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="3 bytes"):
        pieces(b"abc", 24_000, 0.2)


async def test_long_pieces_are_cut_and_short_ones_left() -> None:
    assert [len(piece) for piece in await all_of(bytes(50))] == [20, 20, 10]
    assert await all_of([b"ab", b"cdef"]) == [b"ab", b"cdef"]
    assert await all_of(b"") == []


async def test_a_sample_may_be_split_between_pieces() -> None:
    async def split() -> AsyncIterator[bytes]:
        for piece in (b"a", b"bc", b"", b"d"):
            yield piece

    assert b"".join(await all_of(split())) == b"abcd"
    assert all(len(piece) % 2 == 0 for piece in await all_of(split()))


async def test_half_a_sample_at_the_end_of_an_iterator_is_dropped_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        assert await all_of([b"abc"]) == [b"ab"]
    assert "half a sample" in caplog.text


async def test_pieces_may_be_of_every_kind() -> None:
    mixed: Speech = [b"ab", bytearray(b"cd"), memoryview(b"ef"), np.zeros(1, np.int16)]
    assert b"".join(await all_of(mixed)) == b"abcdef\0\0"


async def test_an_iterator_is_read_as_it_is_needed_and_closed_where_it_is_left() -> None:
    taken: list[int] = []

    def source() -> Iterator[bytes]:
        for number in range(10):
            taken.append(number)
            yield bytes(2)

    left = pieces(source(), 24_000, 0.2)
    await anext(left)
    assert taken == [0]

    ended: list[bool] = []

    async def slow() -> AsyncIterator[bytes]:
        try:
            while True:
                yield bytes(2)
        finally:
            ended.append(True)

    left = pieces(slow(), 24_000, 0.2)
    await anext(left)
    await left.aclose()
    assert ended == [True]
