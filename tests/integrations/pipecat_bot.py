"""A pipeline of Pipecat with a portrait in it, and nothing else: speech goes in at one end, and everything that comes
out at both is kept."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InterruptionFrame,
    MetricsFrame,
    OutputAudioRawFrame,
    OutputImageRawFrame,
    OutputTransportReadyFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.metrics.metrics import TTFBMetricsData
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from livehead.integrations.pipecat import LiveheadVideoService
from waiting import until

RATE = 24_000
"""Of the speech that goes in, as TTS services have it."""

OUT = 48_000
PIECE = RATE // 50
AUDIBLE = 200

Kind = TypeVar("Kind", bound=Frame)
Samples = NDArray[np.int16]


class Kept(FrameProcessor):
    """Keeps the frames that pass in one direction, with the time. At the pipeline's end it is the output transport:
    it says that it is ready."""

    def __init__(self, direction: FrameDirection) -> None:
        super().__init__()
        self.frames: list[tuple[float, Frame]] = []
        self._direction = direction

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if direction is self._direction:
            self.frames.append((time.monotonic(), frame))
        await self.push_frame(frame, direction)
        if isinstance(frame, StartFrame) and self._direction is FrameDirection.DOWNSTREAM:
            await self.push_frame(OutputTransportReadyFrame(), FrameDirection.UPSTREAM)

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [frame for _, frame in self.frames if isinstance(frame, kind)]


class Bot:
    def __init__(self, service: LiveheadVideoService) -> None:
        self.service = service
        self.above = Kept(FrameDirection.UPSTREAM)
        self.below = Kept(FrameDirection.DOWNSTREAM)
        self.worker = PipelineWorker(
            Pipeline([self.above, service, self.below]),
            params=PipelineParams(enable_metrics=True, audio_out_sample_rate=OUT),
            cancel_on_idle_timeout=False,
            enable_rtvi=False,
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Until the block ends; what was not ended by then is cancelled."""
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self.worker)
        task = asyncio.create_task(runner.run())
        try:
            yield
        finally:
            if not self.worker.has_finished():
                await self.worker.cancel()
            await task

    async def say(self, speech: Samples, *, rate: int = RATE) -> None:
        """As a TTS service does it: much faster than it is spoken."""
        await self.worker.queue_frame(TTSStartedFrame())
        for start in range(0, len(speech), rate // 50):
            piece = speech[start : start + rate // 50].tobytes()
            await self.worker.queue_frame(TTSAudioRawFrame(audio=piece, sample_rate=rate, num_channels=1))
        await self.worker.queue_frame(TTSStoppedFrame())

    async def interrupt(self) -> None:
        await self.worker.queue_frame(InterruptionFrame())

    async def end(self) -> None:
        """Wait until the pipeline has come to its end."""
        await self.worker.queue_frame(EndFrame())
        await until(self.worker.has_finished, 20)

    @property
    def sounds(self) -> list[OutputAudioRawFrame]:
        return self.below.of(OutputAudioRawFrame)

    @property
    def pictures(self) -> list[OutputImageRawFrame]:
        return self.below.of(OutputImageRawFrame)

    @property
    def sound(self) -> Samples:
        """All of it, 48 kHz."""
        return np.concatenate([np.frombuffer(each.audio, np.int16) for each in self.sounds])

    @property
    def ttfb(self) -> list[float]:
        """Seconds, of this service."""
        data = [each for frame in self.below.of(MetricsFrame) for each in frame.data]
        return [each.value for each in data if isinstance(each, TTFBMetricsData) and each.value > 0]

    def audible(self) -> list[float]:
        """When sound came that was not silence."""
        return [at for at, frame in self.below.frames if isinstance(frame, OutputAudioRawFrame) and is_audible(frame)]


def is_audible(frame: OutputAudioRawFrame) -> bool:
    return bool(np.abs(np.frombuffer(frame.audio, np.int16).astype(np.int32)).max(initial=0) > AUDIBLE)


def match(said: Samples, heard: Samples) -> float:
    """The normalised correlation of what was said at 24 kHz with the part of what was heard at 48 kHz that fits best:
    1 where it is the same."""
    whole = heard[: len(heard) // 2 * 2].reshape(-1, 2).mean(axis=1)
    a = said.astype(np.float64)
    size = 1 << int(np.ceil(np.log2(len(a) + len(whole))))
    cross = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(a, size)), size)[: len(whole)]
    start = int(np.argmax(cross))
    part = whole[start : start + len(a)]
    if len(part) < len(a):
        part = np.pad(part, (0, len(a) - len(part)))
    return float(np.dot(a, part) / (np.linalg.norm(a) * np.linalg.norm(part) + 1e-9))
