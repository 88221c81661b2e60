"""A generator for tests, which can be told to be slow, to fail, to hang and to die.

Its pictures say whose they are: the Y plane holds a number chosen by the test for the stream, the
number of pictures the stream has made so far, and the mean of the block's samples.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livehead.core.media import BLOCK_SAMPLES
from livehead.engine.base import GeneratorInfo, Pictures, PixelFormat, Preset, Work
from livehead.errors import PortraitError

SIZE = 64
STEP_DIES = 0.9
"""A block whose first sample is this kills the process in step; see the other constants too."""
STEP_RAISES = 0.8
STEP_HANGS = 0.7


@dataclass
class FakeStream:
    tag: int
    made: int = 0


@dataclass
class FakeGenerator:
    size: int = SIZE
    max_batch: int = 4
    motion_frames: int = 2
    step_seconds: float = 0.0
    item_seconds: float = 0.0

    def __post_init__(self) -> None:
        self.info = GeneratorInfo(
            name="fake",
            width=self.size,
            height=self.size,
            window=8,
            motion_frames=self.motion_frames,
            presets={"low": Preset(1, 0, 200), "balanced": Preset(2, 0, 400), "throughput": Preset(4, 1, 600)},
            max_batch=self.max_batch,
        )

    def open(self, portrait: NDArray[np.uint8], seed: int) -> FakeStream:
        if portrait.max() == 0:
            raise PortraitError("there is no face in this picture")
        if seed == 666:
            raise MemoryError("out of device memory")
        return FakeStream(tag=int(portrait[0, 0, 0]))

    def step(self, work: Sequence[Work], pixel_format: PixelFormat = "yuv420p") -> list[Pictures]:
        first = [float(item.pcm[0]) for item in work]
        if any(abs(value - STEP_DIES) < 1e-6 for value in first):
            os.kill(os.getpid(), signal.SIGKILL)
        if any(abs(value - STEP_HANGS) < 1e-6 for value in first):
            time.sleep(600)
        time.sleep(self.step_seconds + self.item_seconds * len(work))
        if any(abs(value - STEP_RAISES) < 1e-6 for value in first):
            raise RuntimeError("told to fail")
        return [self._draw(item) for item in work]

    def rewind(self, stream: Any, shown: NDArray[np.uint8], unshown: int) -> None:
        stream.made -= unshown

    def close(self, stream: Any) -> None:
        pass

    def _draw(self, item: Work) -> Pictures:
        pictures = np.full((item.hop, self.size * 3 // 2, self.size), 128, np.uint8)
        for index in range(item.hop):
            block = item.pcm[index * BLOCK_SAMPLES : (index + 1) * BLOCK_SAMPLES]
            pictures[index, : self.size] = item.stream.tag
            pictures[index, 0, :4] = np.frombuffer(np.uint32(item.stream.made).tobytes(), np.uint8)
            pictures[index, 1, :4] = np.frombuffer(np.float32(block[0]).tobytes(), np.uint8)
            item.stream.made += 1
        return pictures


def create(**options: Any) -> FakeGenerator:
    return FakeGenerator(**options)


def create_and_fail(**_: Any) -> FakeGenerator:
    raise RuntimeError("no device here")
