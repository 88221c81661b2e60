"""How much of a device's memory the engine may take, and how much it takes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from livehead.engine.flashhead.runtime.torch_device import device_name
from livehead.errors import EngineError

OUTSIDE_GB = 0.9
"""What CUDA, its libraries and the kernels take of a device beside what torch allocates."""

_VARIABLES = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF")


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """In GB: ``allocated`` is in use, of ``reserved``, which torch holds; ``pools`` of that is graphs' own."""

    allocated: float
    reserved: float
    most_reserved: float
    pools: float


@contextmanager
def loading(device: torch.device, limit_gb: float | None) -> Iterator[None]:
    """Load a model inside. Memory grows page by page from now on, so that little is lost between tensors of different
    size, and with ``limit_gb`` this process takes no more of the device than that. Raises EngineError where the model
    does not fit."""
    if device.type == "cuda":
        _grow_by_pages()
        _limit(device, limit_gb)
    with torch.inference_mode():
        try:
            yield
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            raise out_of_memory(device_name(device)) from None


def out_of_memory(device: str) -> EngineError:
    return EngineError(
        f"{device} is out of memory. End some sessions, make the frames smaller (--size), allow more (--memory), or "
        "end what else uses the card."
    )


def _grow_by_pages() -> None:
    if any(name in os.environ for name in _VARIABLES):
        return  # somebody knows better
    change = getattr(torch._C, "_accelerator_setAllocatorSettings", None)  # from torch 2.10 on
    if change is None:
        change = torch.cuda.memory._set_allocator_settings
    change("expandable_segments:True")


def _limit(device: torch.device, limit_gb: float | None) -> None:
    share = 1.0
    if limit_gb is not None:
        total = torch.cuda.get_device_properties(device).total_memory
        share = min(1.0, max(0.0, (limit_gb - OUTSIDE_GB) * 1e9 / total))
    torch.cuda.set_per_process_memory_fraction(share, device.index)  # without one: the current device


@contextmanager
def unlimited(device: torch.device) -> Iterator[None]:
    """Lift the limit inside, for large tensors that are no part of the engine; they must be gone at the end."""
    if device.type != "cuda":
        yield
        return
    share = torch.cuda.get_per_process_memory_fraction(device.index)  # without one: the current device
    torch.cuda.set_per_process_memory_fraction(1.0, device.index)
    try:
        yield
    finally:
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(share, device.index)


def taken(device: torch.device) -> DeviceMemory | None:
    """None where nobody counts."""
    if device.type != "cuda":
        return None
    pools = sum(part["total_size"] for part in torch.cuda.memory_snapshot() if tuple(part["segment_pool_id"]) != (0, 0))
    return DeviceMemory(
        torch.cuda.memory_allocated(device) / 1e9,
        torch.cuda.memory_reserved(device) / 1e9,
        torch.cuda.max_memory_reserved(device) / 1e9,
        pools / 1e9,
    )
