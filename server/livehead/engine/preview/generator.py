"""The preview engine: animates any portrait with a face from speech, on the CPU and without a neural network."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.core.block import BLOCK_SAMPLES, Pcm
from livehead.engine.base import Backdrop, Frames, GeneratorInfo, PixelFormat, Preset, Work
from livehead.engine.preview.rig.fit import fit
from livehead.engine.preview.rig.rig import Rig
from livehead.engine.preview.rig.scene import scene_of
from livehead.engine.preview.stream import PreviewStream

WINDOW = 8
SILENCE_HOP = 4
"""Frames of silence made at once. A window of them takes as long as one or two frames of speech, 3 to 5 ms, and others'
frames wait no longer for it than for each other's; with fewer, asking for them costs as much as making them."""

RIGS = 8
"""Rigs kept in memory, 8 MB each, and 6 MB more once another background was wanted: making one takes as long as making
100 frames."""


class PreviewGenerator:
    """Implements :class:`~livehead.engine.base.Generator` on one core."""

    def __init__(self, size: int) -> None:
        if size < 64 or size % 8:
            raise ValueError("The preview engine's size is a multiple of 8, at least 64.")
        self._size = size
        self._rigs: OrderedDict[bytes, Rig] = OrderedDict()
        self._lock = threading.Lock()  # of the rigs
        self._info = GeneratorInfo(
            name="preview",
            width=size,
            height=size,
            window=WINDOW,
            motion_frames=1,
            presets={"low": Preset(1, 0, 200), "balanced": Preset(1, 0, 400), "throughput": Preset(2, 0, 600)},
            silence_hop=SILENCE_HOP,
            max_batch=1,  # a batch is no faster, and every frame would wait for the last one
            looks=("keep", "colour", "blur", "transparent", "picture"),
        )

    @property
    def info(self) -> GeneratorInfo:
        return self._info

    def open(self, portrait: NDArray[np.uint8], seed: int, backdrop: Backdrop | None = None) -> PreviewStream:
        """Find the face and build its rig. Raises :class:`~livehead.errors.PortraitError` if there is no face."""
        rig = self._rig(portrait)
        return PreviewStream(rig, scene_of(rig, backdrop), seed)

    def prepare(self, portrait: NDArray[np.uint8], backdrop: Backdrop | None = None) -> None:
        """Build a portrait's rig, and its matte where that is needed, ahead of :meth:`open`. May run in a thread beside
        the one that steps: it touches no stream, and spends most of its time without holding the interpreter lock.
        Raises :class:`~livehead.errors.PortraitError` if there is no face."""
        rig = self._rig(portrait)
        if backdrop is not None:
            rig.cut_out()

    def _rig(self, portrait: NDArray[np.uint8]) -> Rig:
        """The rig of a portrait, from memory if it is there. Streams share it: they only read it."""
        key = hashlib.blake2b(portrait.tobytes(), salt=str(portrait.shape).encode()[:16]).digest()
        with self._lock:
            rig = self._rigs.get(key)
        if rig is None:
            rig = Rig(fit(portrait, self._size))
        with self._lock:
            self._rigs[key] = rig
            self._rigs.move_to_end(key)
            if len(self._rigs) > RIGS:
                self._rigs.popitem(last=False)
        return rig

    def step(self, work: Sequence[Work], pixel_format: PixelFormat = "yuv420p") -> list[Frames]:
        """Make the frames of one stream; ``max_batch`` is 1. Raises ValueError for more work or broken blocks."""
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
        return np.stack([stream.frame(block, pixel_format) for block in blocks])

    def rewind(self, stream: PreviewStream, shown: NDArray[np.uint8], unshown: int) -> None:
        """Continue from the last frame shown: the mouth falls to rest from there."""
        stream.rewind(unshown)

    def resume(self, stream: PreviewStream, shown: NDArray[np.uint8], heard: Pcm, made: int) -> None:
        """See :class:`~livehead.engine.base.Resuming`: head, eyes and mouth are where they were, without a frame being
        drawn. Takes 5 ms."""
        stream.resume(heard, made)

    def close(self, stream: PreviewStream) -> None:
        """A stream holds nothing that must be released."""


def create(size: int = 512, **_: object) -> PreviewGenerator:
    """Make the preview engine for frames of ``size`` × ``size`` pixels. It uses one core."""
    cv2.setNumThreads(1)
    return PreviewGenerator(size)
