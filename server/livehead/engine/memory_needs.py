"""How much of a card FlashHead takes, as measured: docs/performance/memory.md. No torch here."""

from __future__ import annotations

from collections.abc import Mapping

SIZES = (512, 384, 256)
"""Sides of frames, in pixels, largest first: what is tried where nobody asked for one."""

WEIGHTS_GB: Mapping[str, float] = {"lite": 5.6, "pro": 5.0}
"""For one stream, whatever the size of its frames: weights, audio, what CUDA and its libraries take."""

FRAMES_GB: Mapping[str, float] = {"lite": 0.6, "pro": 5.3}
"""On top of that at 512 × 512; it grows with the number of pixels."""


def needed_gb(variant: str, size: int) -> float:
    """What one stream of square frames takes."""
    return WEIGHTS_GB[variant] + FRAMES_GB[variant] * (size / 512) ** 2


def fitting(variant: str, memory: float) -> list[int]:
    """The sizes for which ``memory``, in GB, is enough, largest first."""
    return [size for size in SIZES if needed_gb(variant, size) <= memory]


def why_not(variant: str, size: int, memory: float) -> str:
    """What is wrong with so little memory and what would fit; empty where it is enough."""
    needed = needed_gb(variant, size)
    if needed <= memory:
        return ""
    fits = what_fits(variant, size, memory)
    return f"{variant} at {size} px takes {needed:.1f} GB of the card, and --memory allows {memory:g} ({fits})"


def what_fits(variant: str, size: int, memory: float) -> str:
    """In words: the options with which less memory is enough, or how much it takes at least."""
    smaller = [other for other in fitting(variant, memory) if other < size]
    if smaller:
        return f"--size {smaller[0]} fits"
    if variant != "lite" and (sizes := fitting("lite", memory)):
        return f"--variant lite --size {sizes[0]} fits"
    return f"nothing fits below --memory {needed_gb('lite', SIZES[-1]):.1f}: lite at {SIZES[-1]} px"
