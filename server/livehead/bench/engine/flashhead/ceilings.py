"""What a device can do at best: matrix products, copies, and the way to the host."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


def matmul_tflops(device: torch.device, dtype: torch.dtype) -> float:
    """TFLOP/s of a large matrix product of random values."""
    side = 8192 if device.type == "cuda" else 512
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return 2 * side**3 / _seconds(device, lambda: a @ b) / 1e12


def copy_tb_s(device: torch.device) -> float:
    """TB/s within the device's memory, bytes read and bytes written."""
    size = 2**32 if device.type == "cuda" else 2**26
    source = torch.randint(0, 255, (size,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size / _seconds(device, lambda: target.copy_(source)) / 1e12


def host_gb_s(device: torch.device) -> float:
    """GB/s from the device to pinned memory; 0 where the device is the host."""
    if device.type != "cuda":
        return 0.0
    source = torch.zeros(2**28, dtype=torch.uint8, device=device)
    target = torch.empty(2**28, dtype=torch.uint8, pin_memory=True)
    return 2**28 / _seconds(device, lambda: target.copy_(source, non_blocking=True)) / 1e9


def _seconds(device: torch.device, action: Callable[[], object], repeat: int = 10) -> float:
    for _ in range(3):
        action()
    wait(device)
    start = time.perf_counter()
    for _ in range(repeat):
        action()
    wait(device)
    return (time.perf_counter() - start) / repeat


def wait(device: torch.device) -> None:
    """Until the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
