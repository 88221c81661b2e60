"""Where a stream's randomness comes from: one function of a name and a shape, per stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Noise = Callable[[str, tuple[int, ...]], Any]
"""``noise(name, shape)`` → float32 array of standard normal values; names like ``chunk0/init``."""


class SeededNoise:
    """The default: a generator of its own on the stream's device. The same seed repeats a run on the same device."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self._generator = torch.Generator(device)
        self._generator.manual_seed(seed)

    def __call__(self, name: str, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self._generator, device=self._generator.device)


def sample_noise(noise: Noise, name: str, shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Ask ``noise`` for one array and bring it to the device as float32. Raises ValueError for a wrong shape."""
    values = torch.as_tensor(noise(name, shape)).to(device=device, dtype=torch.float32)
    if tuple(values.shape) != shape:
        raise ValueError(f"noise({name!r}) has the shape {tuple(values.shape)}, not {shape}")
    return values
