"""A generator for tests, which can be told to be slow, to fail, to hang and to die.

It is told through what it is given anyway: options of its factory, the seed of a stream, the first
sample of a window. Its frames say whose they are, how many the stream made before, and which sample
they were made from; :func:`read` gets that back.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import BLOCK_SAMPLES
from livehead.core.frame import Frame
from livehead.engine.base import Frames, GeneratorInfo, PixelFormat, Preset, Work
from livehead.errors import CheckpointError, PortraitError

SIZE = 64

# A window whose first sample is one of these makes the step …
RAISE = 0.9375  # … raise RuntimeError
DIE = 0.875  # … kill the process
HANG = 0.8125  # … sleep for ten minutes
SEIZE = 0.75  # … hold the interpreter for ten minutes, so that no thread of the process runs
BREAK = 0.6875  # … and all steps after it raise, as after a device fault
BE_SLOW = 0.625  # … take 300 ms

# A stream opened with one of these seeds …
NO_MEMORY = 1001  # … is refused with MemoryError
DIE_IN_OPEN = 1002  # … kills the process
ALWAYS_RAISES = 1003  # … makes every step that it shares raise
SLOW_TO_OPEN = 1004  # … takes 300 ms to open

# A portrait with one of these tags …
SLOW_TO_PREPARE = 251  # … takes 500 ms to be made ready
DIE_IN_PREPARE = 252  # … kills the process then
HANG_IN_PREPARE = 253  # … is never ready


@dataclass(frozen=True)
class Seen:
    """What a fake frame says: the ``tag`` is the portrait's first byte; ``made`` counts the stream's frames;
    ``sample`` is the first of its block; ``batch`` is the size of the step that made it; ``rewinds``, ``unshown`` and
    ``level`` tell of the stream's rewinds: how many, and of the last one the unshown count and :func:`level_of`
    the newest shown frame."""

    tag: int
    made: int
    sample: float
    batch: int
    rewinds: int
    unshown: int
    level: int


def portrait(tag: int, size: int = 16) -> NDArray[np.uint8]:
    """A portrait that the fake takes; its frames carry ``tag`` (1 … 255). Tag 0 has no face."""
    return np.full((size, size, 3), tag, np.uint8)


def audio(first: float = 0.0, blocks: int = 1) -> NDArray[np.float32]:
    return np.full(blocks * BLOCK_SAMPLES, first, np.float32)


def level_of(made: int) -> int:
    """The grey (0 … 255 RGB) of the lower half of a stream's frame number ``made``."""
    return (made * 7) % 200 + 20


def read(frame: Frame) -> Seen:
    row = frame.i420[0]
    numbers = np.frombuffer(row[:24].tobytes(), np.int32)
    sample = np.frombuffer(row[24:28].tobytes(), np.float32)
    tag, made, batch, rewinds, unshown, level = (int(number) for number in numbers)
    assert (frame.i420[1 : SIZE // 2] == tag).all(), "two streams in one frame"
    return Seen(tag, made, float(sample[0]), batch, rewinds, unshown, level)


@dataclass
class FakeStream:
    tag: int
    seed: int
    made: int = 0
    rewinds: int = 0
    unshown: int = 0
    level: int = 0


@dataclass
class FakeGenerator:
    """``step_seconds`` is what every step takes, ``item_seconds`` what each stream in it takes on top."""

    max_batch: int = 4
    motion_frames: int = 2
    step_seconds: float = 0.0
    item_seconds: float = 0.0
    size: int = SIZE
    window: int = 8
    silence_hop: int = 0
    device: str = "fake"
    broken: bool = field(default=False, init=False)

    @property
    def info(self) -> GeneratorInfo:
        return GeneratorInfo(
            name="fake",
            width=self.size,
            height=self.size,
            window=self.window,
            motion_frames=self.motion_frames,
            presets={"low": Preset(1, 0, 200), "balanced": Preset(2, 0, 400), "throughput": Preset(4, 1, 600)},
            max_batch=self.max_batch,
            device=self.device,
            silence_hop=self.silence_hop,
            details={"pid": str(os.getpid()), "nice": str(os.nice(0))},
        )

    def open(self, portrait: NDArray[np.uint8], seed: int) -> FakeStream:
        if seed == DIE_IN_OPEN:
            os._exit(3)
        if seed == NO_MEMORY:
            raise MemoryError("out of device memory")
        if seed == SLOW_TO_OPEN:
            time.sleep(0.3)
        if portrait.max() == 0:
            raise PortraitError("there is no face in this frame")
        return FakeStream(int(portrait[0, 0, 0]), seed)

    def step(self, work: Sequence[Work], pixel_format: PixelFormat = "yuv420p") -> list[Frames]:
        assert len({id(item.stream) for item in work}) == len(work) <= self.max_batch
        told = {float(item.pcm[0]) for item in work}
        if DIE in told:
            os.kill(os.getpid(), signal.SIGKILL)
        if HANG in told:
            time.sleep(600)
        if SEIZE in told:
            ctypes.PyDLL(None).sleep(600)
        time.sleep(self.step_seconds + self.item_seconds * len(work) + 0.3 * (BE_SLOW in told))
        self.broken = self.broken or BREAK in told
        if self.broken or RAISE in told or any(item.stream.seed == ALWAYS_RAISES for item in work):
            raise RuntimeError("told to fail")
        return [self._draw(item, len(work)) for item in work]

    def rewind(self, stream: FakeStream, shown: NDArray[np.uint8], unshown: int) -> None:
        assert shown.shape == (self.motion_frames, self.size, self.size, 3)
        assert shown.dtype == np.uint8
        stream.made -= unshown
        stream.rewinds += 1
        stream.unshown = unshown
        stream.level = int(shown[-1, self.size // 2 + 1 :].mean().round()) if len(shown) else 0

    def close(self, stream: FakeStream) -> None:
        stream.tag = 0

    def _draw(self, item: Work, batch: int) -> Frames:
        stream: FakeStream = item.stream
        half = self.size // 2
        frames = np.full((item.hop, self.size * 3 // 2, self.size), 128, np.uint8)
        for frame, sample in zip(frames, item.pcm[::BLOCK_SAMPLES], strict=False):
            frame[:half] = stream.tag
            frame[half : self.size] = round(16 + level_of(stream.made) * 219 / 255)
            numbers = [stream.tag, stream.made, batch, stream.rewinds, stream.unshown, stream.level]
            frame[0, :24] = np.frombuffer(np.array(numbers, np.int32).tobytes(), np.uint8)
            frame[0, 24:28] = np.frombuffer(np.float32(sample).tobytes(), np.uint8)
            stream.made += 1
        return frames


@dataclass
class PreparingGenerator(FakeGenerator):
    """One whose portraits are made ready in another thread; it opens no others."""

    prepared: set[int] = field(default_factory=set, init=False)

    def prepare(self, portrait: NDArray[np.uint8]) -> None:
        tag = int(portrait[0, 0, 0])
        if tag == DIE_IN_PREPARE:
            os._exit(3)
        time.sleep({SLOW_TO_PREPARE: 0.5, HANG_IN_PREPARE: 600.0}.get(tag, 0.0))
        if portrait.max() == 0:
            raise PortraitError("there is no face in this frame")
        self.prepared.add(tag)

    def open(self, portrait: NDArray[np.uint8], seed: int) -> FakeStream:
        assert portrait.shape != (16, 16, 3) or int(portrait[0, 0, 0]) in self.prepared
        return super().open(portrait, seed)


def create(**options: Any) -> FakeGenerator:
    """The factory: ``EngineSpec("fakes:create", {"step_seconds": 0.01})``."""
    return FakeGenerator(**options)


def create_preparing(**options: Any) -> PreparingGenerator:
    return PreparingGenerator(**options)


def create_slowly(seconds: float, **options: Any) -> FakeGenerator:
    time.sleep(seconds)
    return FakeGenerator(**options)


def create_broken(**_: Any) -> FakeGenerator:
    raise RuntimeError("no device here")


def create_without_weights(**_: Any) -> FakeGenerator:
    raise CheckpointError("the weights are cut short: download them again")


def create_noting_steps(path: str, **options: Any) -> FakeGenerator:
    """Writes a letter into the file ``path`` for every step."""

    class Noting(FakeGenerator):
        def step(self, work: Sequence[Work], pixel_format: PixelFormat = "yuv420p") -> list[Frames]:
            with open(path, "a") as file:
                file.write("s")
            return super().step(work, pixel_format)

    return Noting(**options)


def create_once_in(path: str, times: int, **options: Any) -> FakeGenerator:
    """Fails until it was called ``times`` times; counts in the file ``path``."""
    with open(path, "a+") as file:
        file.write("x")
        file.seek(0)
        if len(file.read()) < times:
            raise RuntimeError("not yet")
    return FakeGenerator(**options)


def create_and_die(**_: Any) -> FakeGenerator:
    os._exit(7)


def create_with_helper(**options: Any) -> FakeGenerator:
    """Leaves a helper process behind that inherited everything, as a compiler pool does."""
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)
    return FakeGenerator(**options)
