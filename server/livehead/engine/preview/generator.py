"""The preview engine: any portrait with a face, animated from speech on the CPU, without a model."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict, deque
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.core.block import BLOCK_SAMPLES, Pcm
from livehead.engine.base import Frames, GeneratorInfo, PixelFormat, Preset, Work
from livehead.engine.preview.articulation import Articulator
from livehead.engine.preview.features import Listener
from livehead.engine.preview.fit import fit
from livehead.engine.preview.life import Life
from livehead.engine.preview.portrait import Portrait

WINDOW = 8
PORTRAITS = 8
"""Portraits kept ready, about 8 MB each: making one takes as long as 100 frames."""

KEPT = 64
"""Moments a stream can be taken back to: frames."""


class PreviewStream:
    """One portrait in motion: what was heard, the mouth, and the rest of the face."""

    def __init__(self, portrait: Portrait, seed: int) -> None:
        self._portrait = portrait
        self._listener = Listener()
        self._mouth = Articulator()
        self._life = Life(seed=seed & (2**63 - 1))
        self._past: deque[tuple[Articulator, Life]] = deque(maxlen=KEPT)

    def frame(self, pcm: Pcm) -> NDArray[np.uint8]:
        """The RGB frame of one block of samples."""
        self._past.append((self._mouth.copy(), self._life))
        heard = self._listener.hear(pcm)
        shape = self._mouth.follow(heard)
        self._life = self._life.next(heard)
        return self._portrait.draw(shape, self._life.pose)

    def back(self, unshown: int) -> None:
        """Forget the last ``unshown`` frames and what was heard: the face goes on from the last
        one shown."""
        for _ in range(min(unshown, len(self._past))):
            self._mouth, self._life = self._past.pop()
        self._listener.hush()


class PreviewGenerator:
    """Fulfils :class:`~livehead.engine.base.Generator` on one core."""

    def __init__(self, size: int) -> None:
        if size < 64 or size % 8:
            raise ValueError("The preview engine's size is a multiple of 8, at least 64.")
        self._size = size
        self._portraits: OrderedDict[bytes, Portrait] = OrderedDict()
        self._lock = threading.Lock()  # of the portraits
        self._info = GeneratorInfo(
            name="preview",
            width=size,
            height=size,
            window=WINDOW,
            motion_frames=1,
            presets={"low": Preset(1, 0, 200), "balanced": Preset(1, 0, 400), "throughput": Preset(2, 0, 600)},
            max_batch=1,  # nothing is gained by a batch, and each frame would wait for the last one's
        )

    @property
    def info(self) -> GeneratorInfo:
        return self._info

    def open(self, portrait: NDArray[np.uint8], seed: int) -> PreviewStream:
        """Find the face and make the portrait ready. Raises
        :class:`~livehead.errors.PortraitError` where there is none."""
        return PreviewStream(self._portrait(portrait), seed)

    def prepare(self, portrait: NDArray[np.uint8]) -> None:
        """Find the face and make the portrait ready, while steps go on in another thread: nothing of a stream is
        touched, and most of the time is spent where the interpreter is free. Raises
        :class:`~livehead.errors.PortraitError` where there is no face."""
        self._portrait(portrait)

    def _portrait(self, frame: NDArray[np.uint8]) -> Portrait:
        """The portrait of a frame, from memory if it was there before: streams only read it."""
        key = hashlib.blake2b(frame.tobytes(), salt=str(frame.shape).encode()[:16]).digest()
        with self._lock:
            portrait = self._portraits.get(key)
        if portrait is None:
            portrait = Portrait(fit(frame, self._size))
        with self._lock:
            self._portraits[key] = portrait
            self._portraits.move_to_end(key)
            if len(self._portraits) > PORTRAITS:
                self._portraits.popitem(last=False)
        return portrait

    def step(self, work: Sequence[Work], pixel_format: PixelFormat = "yuv420p") -> list[Frames]:
        """Make the frames of one stream: ``max_batch`` is 1, as streams share nothing."""
        if len(work) > self._info.max_batch:
            raise ValueError("A step takes one stream at a time.")
        for item in work:
            if (
                item.hop < 1
                or item.pcm.ndim != 1
                or item.pcm.size % BLOCK_SAMPLES
                or item.pcm.size < item.hop * BLOCK_SAMPLES
            ):
                raise ValueError("A step takes whole blocks of 640 samples, at least as many as its hop.")
        return [self._frames(item, pixel_format) for item in work]

    def _frames(self, item: Work, pixel_format: PixelFormat) -> Frames:
        stream: PreviewStream = item.stream
        blocks = item.pcm[: item.hop * BLOCK_SAMPLES].reshape(item.hop, BLOCK_SAMPLES)
        frames = [stream.frame(block) for block in blocks]
        if pixel_format == "yuv420p":
            frames = [np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420), np.uint8) for frame in frames]
        return np.stack(frames)

    def rewind(self, stream: PreviewStream, shown: NDArray[np.uint8], unshown: int) -> None:
        """Go on from the frame shown last: the mouth falls to rest from there."""
        stream.back(unshown)

    def close(self, stream: PreviewStream) -> None:
        """Nothing to give back: a stream's memory goes with it."""


def create(size: int = 512, **_: object) -> PreviewGenerator:
    """Make the preview engine for frames of ``size`` × ``size``; it keeps to one core."""
    cv2.setNumThreads(1)
    return PreviewGenerator(size)
