"""What a device can do at best, and what a FlashHead window asks of it. The only measure that needs torch."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from livehead.engine.flashhead.dit.sampler import STEPS
from livehead.engine.flashhead.generator import FlashHead, create
from livehead.engine.flashhead.runtime.device import exactly
from livehead.engine.flashhead.stages import Pipeline
from livehead.engine.flashhead.weights.config import Variant
from livehead.engine.flashhead.weights.synthesize import Plan


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


def memory_gb(device: torch.device) -> float | None:
    """The most memory that was in use, in GB; None where nobody counts."""
    return torch.cuda.max_memory_reserved(device) / 1e9 if device.type == "cuda" else None


def dtype_of(engine: FlashHead) -> torch.dtype:
    return engine.model.precision.dtype


def build(variant: Variant, *, synthetic: bool, tiny: bool, models: Path, **options: Any) -> FlashHead:
    """A FlashHead: of the given weights, random ones of full size, or tiny random ones. Not warmed up."""
    if tiny:
        with tempfile.TemporaryDirectory() as folder:
            Plan((variant,), tiny=True).write(Path(folder))
            return FlashHead.load(folder, variant=variant, **options)
    if synthetic:
        return FlashHead.synthetic(variant=variant, **options)
    return FlashHead.load(models, variant=variant, **options)


def create_tiny(*, variant: Variant, **options: Any) -> FlashHead:
    """The factory of a tiny random FlashHead, for the worker process."""
    with tempfile.TemporaryDirectory() as folder:
        Plan((variant,), tiny=True).write(Path(folder))
        return create(**options | {"variant": variant, "models": folder, "synthetic": False})


def window_tflop(engine: FlashHead) -> float:
    """TFLOP of one stream's window: products, convolutions and attention, as torch counts them."""
    model = engine.model
    pipeline, (c, t, h, w), device = Pipeline(model), model.geometry.latent, model.device
    counter = FlopCounterMode(display=False, custom_mapping={torch.ops.aten._addmm_activation: _addmm_flop})
    with exactly(model.precision.dtype), counter:
        _, context = pipeline.hear(torch.randn(1, 128000, device=device))
        latents = pipeline.denoise(
            torch.randn(STEPS, 1, c, t, h, w, device=device),
            torch.randn(1, c, 2, h, w, device=device),
            torch.ones(1, dtype=torch.bool, device=device),
            model.dit.reference(torch.randn(1, model.geometry.tokens, model.geometry.token_values, device=device)),
            context,
        )
        frames = pipeline.decode(latents)[:, -model.geometry.motion_frames :]
        pipeline.motion((frames.float() + 1) / 2, torch.randn(1, c, 2, h, w, device=device))
    return counter.get_total_flops() / 1e12


def _addmm_flop(bias: Any, a: Any, b: Any, *_: Any, **__: Any) -> int:
    """``custom_mapping`` gives shapes."""
    return int(2 * a[0] * a[1] * b[1])
