"""What the measured generators are given: noise for speech, and portraits that differ."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.avatars import BUILTIN
from livehead.core.block import BLOCK_SAMPLES, Pcm
from livehead.errors import EngineError


def noise(hop: int, count: int) -> list[Pcm]:
    """``count`` windows of ``hop`` blocks, the same for the same hop."""
    random = np.random.default_rng(hop)
    return [(random.standard_normal(hop * BLOCK_SAMPLES) * 0.1).astype(np.float32) for _ in range(count)]


def portrait(seed: int) -> NDArray[np.uint8]:
    """A built-in portrait, in other colours for each seed: uint8 ``(H, W, 3)`` RGB. Raises EngineError."""
    path = BUILTIN / "default.png"
    image = cv2.imread(str(path))
    if image is None:
        raise EngineError(f"{path} cannot be read. Install Livehead again.")
    return np.asarray(np.roll(image[..., ::-1], seed, axis=2), np.uint8)
