"""What a generator does for the first time takes longer: it is done once before anybody waits for it."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import BLOCK_SAMPLES
from livehead.engine.base import Generator, Preparing, Work

logger = logging.getLogger(__name__)


def rehearse(generator: Generator, portrait: NDArray[np.uint8]) -> None:
    """Open a stream, step it with the smallest hop, take that back, and close it. ``portrait`` is uint8 ``(H, W, 3)``
    RGB, one that the generator takes. A generator that fails at it is no error here."""
    info = generator.info
    preset = min(info.presets.values(), key=lambda each: each.hop)
    pcm = np.zeros((preset.hop + preset.lookahead) * BLOCK_SAMPLES, np.float32)
    try:
        if isinstance(generator, Preparing):
            generator.prepare(portrait)
        stream = generator.open(portrait, 0)
        generator.step([Work(stream, pcm, preset.hop)])
        shown = np.zeros((info.motion_frames, info.height, info.width, 3), np.uint8)
        generator.rewind(stream, shown, preset.hop)
        generator.close(stream)
    except Exception:  # any generator, any error: the first stream will tell
        logger.warning("the generator in reserve failed to rehearse", exc_info=True)
