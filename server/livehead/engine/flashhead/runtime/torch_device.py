"""Torch devices by the names that people type."""

from __future__ import annotations

import torch

from livehead.errors import UsageError


def find_device(name: str) -> torch.device:
    """``cuda``, ``cuda:1`` or ``cpu``. Raises UsageError for a device that this machine does not have."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"There is no device {name!r}. Use cuda, cuda:0 or cpu.") from None
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise UsageError("No CUDA device was found. Use --device cpu (far from real time), or --engine preview.")
        if device.index is not None and device.index >= torch.cuda.device_count():
            raise UsageError(f"There is no {name}: this machine has {torch.cuda.device_count()} CUDA devices.")
    return device


def device_name(device: torch.device) -> str:
    """The product name of a GPU, or ``cpu``."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
