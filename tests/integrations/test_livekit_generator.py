"""The VideoGenerator over a real call: what comes out, in which order, and what an interruption does."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator

import numpy as np
import pytest
from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd
from livekit_speech import tone

from livehead.client import Livehead
from livehead.core import test_pattern as probe
from livehead.integrations.livekit import VideoGenerator
from livehead.integrations.livekit.segment import SegmentPlayback
from serving import Process
from waiting import until


class Output:
    """Everything that a generator gives, in order."""

    def __init__(self, generator: VideoGenerator) -> None:
        self.items: list[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd] = []
        self.told: list[SegmentPlayback] = []
        generator.on_playback = self.told.append
        self._generator = generator

    async def read(self) -> None:
        async for item in self._generator:
            self.items.append(item)

    @property
    def ends(self) -> int:
        return sum(isinstance(item, AudioSegmentEnd) for item in self.items)

    def sound(self, start: int = 0) -> list[rtc.AudioFrame]:
        return [item for item in self.items[start:] if isinstance(item, rtc.AudioFrame)]

    def in_step(self) -> list[tuple[probe.Reading, int]]:
        """The test code in each picture that comes with sound, and the loudness of that sound."""
        pairs = zip(self.items, self.items[1:], strict=False)
        return [
            (reading, loudness(sound))
            for picture, sound in pairs
            if isinstance(picture, rtc.VideoFrame) and isinstance(sound, rtc.AudioFrame)
            if (reading := probe.read(luma(picture))) is not None
        ]


def luma(picture: rtc.VideoFrame) -> np.ndarray:
    rgb = np.frombuffer(picture.data, np.uint8).reshape(picture.height, picture.width, 3)
    return np.ascontiguousarray(rgb[:, :, 1])


def loudness(frame: rtc.AudioFrame) -> int:
    return probe.loudness(np.frombuffer(frame.data, np.int16).astype(np.float32) / 32768)


def seconds(frames: list[rtc.AudioFrame]) -> float:
    return sum(frame.duration for frame in frames)


@contextlib.asynccontextmanager
async def generating(url: str) -> AsyncIterator[tuple[VideoGenerator, Output]]:
    async with Livehead(url) as server, server.call(source="push", probe=True) as call:
        generator = VideoGenerator(call)
        output = Output(generator)
        reading = asyncio.create_task(output.read())
        try:
            yield generator, output
        finally:
            await generator.aclose()
            reading.cancel()
            await asyncio.wait([reading])


async def push(generator: VideoGenerator, frames: list[rtc.AudioFrame], *, end: bool = True) -> None:
    for frame in frames:
        await generator.push_audio(frame)
    if end:
        await generator.push_audio(AudioSegmentEnd())


async def test_pictures_come_all_the_time_and_sound_while_a_segment_is_spoken(preview_server: Process) -> None:
    async with generating(preview_server.url) as (generator, output):
        await until(lambda: len(output.items) > 10)
        assert all(isinstance(item, rtc.VideoFrame) for item in output.items)
        await push(generator, tone(2.0))
        await until(lambda: output.ends == 1)
        ended = len(output.items)
        await until(lambda: len(output.items) > ended + 10)
    first = output.items[0]
    assert isinstance(first, rtc.VideoFrame)
    assert (first.width, first.height, first.type) == (256, 256, rtc.VideoBufferType.RGB24)
    assert all(isinstance(item, rtc.VideoFrame) for item in output.items[ended:])
    assert {(each.sample_rate, each.num_channels, each.samples_per_channel) for each in output.sound()} == {
        (48_000, 1, 1920)
    }
    assert seconds([frame for frame in output.sound() if loudness(frame) > 8]) == pytest.approx(2.0, abs=0.1)
    assert [each.state for each in output.told] == ["started", "finished"]
    assert output.told[-1].position == pytest.approx(2.0, abs=0.041)


async def test_sound_and_picture_are_of_the_same_block(preview_server: Process) -> None:
    async with generating(preview_server.url) as (generator, output):
        for level in (0.5, 0.05, 0.3):
            await push(generator, tone(0.6, level=level))
        await until(lambda: output.ends == 3)
    pairs = output.in_step()
    assert len(pairs) >= 40
    agreeing = [abs(code.loudness - heard) <= 1 for code, heard in pairs]
    # a block in which the level changes is cut elsewhere by the codec
    assert sum(agreeing) >= len(pairs) - 6, pairs


async def test_segments_end_once_each_after_their_last_sound(preview_server: Process) -> None:
    lengths = (0.5, 0.06, 1.2, 0.3)
    async with generating(preview_server.url) as (generator, output):
        for length in lengths:
            await push(generator, tone(length))
        await until(lambda: output.ends == len(lengths))
    parts: list[float] = [0.0]
    for item in output.items:
        if isinstance(item, AudioSegmentEnd):
            parts.append(0.0)
        elif isinstance(item, rtc.AudioFrame) and loudness(item) > 5:
            parts[-1] += item.duration
    assert parts[-1] == 0
    for heard, length in zip(parts[:-1], lengths, strict=True):
        assert heard == pytest.approx(length, abs=0.13)
    assert [each.state for each in output.told] == ["started", "finished"] * len(lengths)
    for told, length in zip(output.told[1::2], lengths, strict=True):
        assert told.position == pytest.approx(math.ceil(length / 0.04) * 0.04, abs=0.041)


@pytest.mark.soak
@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (16_000, 2), (44_100, 1), (48_000, 2)])
async def test_speech_of_any_rate_is_spoken(preview_server: Process, rate: int, channels: int) -> None:
    async with generating(preview_server.url) as (generator, output):
        await push(generator, tone(0.8, rate, channels=channels))
        await until(lambda: output.ends == 1)
    heard = seconds([frame for frame in output.sound() if loudness(frame) > 8])
    assert heard == pytest.approx(0.8, abs=0.2)  # a codec and a busy machine stretch it by a block or two


async def test_nothing_of_a_cleared_segment_comes_out(preview_server: Process) -> None:
    async with generating(preview_server.url) as (generator, output):
        await push(generator, tone(4.0, level=0.6), end=False)
        await until(lambda: seconds(output.sound()) > 1.0)
        told = generator.clear_buffer()
        cleared = len(output.items)
        await generator.push_audio(AudioSegmentEnd())  # the end of what was cleared may still come
        assert asyncio.iscoroutine(told)
        await told
        assert len(output.sound(cleared)) == 0
        await push(generator, tone(0.4, level=0.05))
        await until(lambda: output.ends == 1)
    assert all(loudness(frame) < 10 for frame in output.sound(cleared))  # the quiet one alone
    codes = [probe.read(luma(item)) for item in output.items[cleared:] if isinstance(item, rtc.VideoFrame)]
    assert all(code is None or code.loudness < 10 for code in codes)
    assert [each.state for each in output.told] == ["started", "interrupted", "started", "finished"]
    before = seconds(output.sound()) - seconds(output.sound(cleared))
    assert output.told[1].position == pytest.approx(before, abs=0.13)


@pytest.mark.soak
async def test_clearing_twice_or_nothing_is_no_fault(preview_server: Process) -> None:
    async with generating(preview_server.url) as (generator, output):
        assert generator.clear_buffer() is None
        await push(generator, tone(3.0))
        first, second = generator.clear_buffer(), generator.clear_buffer()
        assert first is not None
        await first
        assert second is None
        await until(lambda: len(output.told) == 1)
    assert output.told == [SegmentPlayback("interrupted", 0.0)]
    assert output.ends == 0


@pytest.mark.soak
async def test_an_interruption_by_somebody_else_ends_the_segment(preview_server: Process) -> None:
    async with Livehead(preview_server.url) as server, server.call(source="push") as call:
        generator = VideoGenerator(call)
        output = Output(generator)
        reading = asyncio.create_task(output.read())
        await push(generator, tone(5.0))
        await until(lambda: seconds(output.sound()) > 0.8)
        await call.interrupt()
        await until(lambda: output.ends == 1)
        await push(generator, tone(0.4))
        await until(lambda: output.ends == 2)
        await generator.aclose()
        reading.cancel()
        await asyncio.wait([reading])
    assert [each.state for each in output.told] == ["started", "interrupted", "started", "finished"]
    assert 0.5 < output.told[1].position < 1.5


@pytest.mark.soak
async def test_a_call_that_ends_ends_every_segment_and_those_that_come_later(preview_server: Process) -> None:
    async with Livehead(preview_server.url) as server, server.call(source="push") as call:
        generator = VideoGenerator(call)
        output = Output(generator)
        reading = asyncio.create_task(output.read())
        await push(generator, tone(5.0))
        await push(generator, tone(5.0))
        await until(lambda: seconds(output.sound()) > 0.4)
        await call.close()
        await asyncio.wait_for(reading, 5)
        assert [each.state for each in output.told] == ["started", "interrupted", "interrupted"]
        await push(generator, tone(1.0))
        assert [each.state for each in output.told[3:]] == ["interrupted"]
        await generator.aclose()


@pytest.mark.soak
async def test_a_segment_keeps_its_rate(preview_server: Process) -> None:
    async with generating(preview_server.url) as (generator, _):
        await push(generator, tone(0.1, 24_000), end=False)
        with pytest.raises(ValueError, match="began with 24000 Hz"):
            await generator.push_audio(tone(0.1, 16_000)[0])
