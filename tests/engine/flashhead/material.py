"""PortraitCache, audio and comparisons for the FlashHead tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def portrait(seed: int = 0, height: int = 80, width: int = 90) -> NDArray[np.uint8]:
    """A smooth random image, uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / 32
    waves = [np.sin(a * x + b * y + c) for a, b, c in rng.uniform(-2, 2, (3, 3))]
    noise = rng.normal(0, 8, (height, width, 3))
    return np.clip(np.stack(waves, -1) * 80 + 128 + noise, 0, 255).astype(np.uint8)


def voice(blocks: int, seed: int = 0) -> NDArray[np.float32]:
    """Noise as long as so many blocks; it grows louder and softer as speech does."""
    rng = np.random.default_rng(seed)
    loudness = np.repeat(rng.uniform(0, 0.3, blocks), 640)
    return (rng.standard_normal(blocks * 640) * loudness).astype(np.float32)


def relative(found: Any, expected: Any) -> float:
    """The relative L2 distance."""
    a, b = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert a.shape == b.shape
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def assert_frames(
    found: NDArray[np.uint8], expected: NDArray[np.uint8], *, equal: float = 0.999, most: int = 2
) -> None:
    """At least the share ``equal`` of all values is the same, and none is more than ``most`` levels off."""
    assert found.shape == expected.shape
    assert found.dtype == np.uint8
    apart = np.abs(found.astype(int) - expected)
    assert (apart == 0).mean() >= equal
    assert apart.max() <= most
