"""What a FlashHead window asks of its device, in floating-point operations."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from livehead.engine.flashhead.dit.sampler import STEPS
from livehead.engine.flashhead.generator import FlashHead
from livehead.engine.flashhead.runtime.dtype_policy import inference_context
from livehead.engine.flashhead.stages import WindowStages


def window_tflop(engine: FlashHead) -> float:
    """TFLOP of one stream's window: matmuls, convolutions and attention, as torch counts them."""
    model = engine.model
    stages, (c, t, h, w), device = WindowStages(model), model.geometry.latent, model.device
    counter = FlopCounterMode(display=False, custom_mapping={torch.ops.aten._addmm_activation: _addmm_flop})
    with inference_context(model.dtypes.dtype), counter:
        _, context = stages.audio(torch.randn(1, 128000, device=device))
        latents = stages.denoise(
            torch.randn(STEPS, 1, c, t, h, w, device=device),
            torch.randn(1, c, 2, h, w, device=device),
            torch.ones(1, dtype=torch.bool, device=device),
            model.dit.reference(torch.randn(1, model.geometry.tokens, model.geometry.token_values, device=device)),
            context,
        )
        frames = stages.decode(latents)[:, -model.geometry.motion_frames :]
        stages.encode_motion(torch.randn(1, c, 2, h, w, device=device), (frames.float() + 1) / 2)
    return counter.get_total_flops() / 1e12


def _addmm_flop(bias: Any, a: Any, b: Any, *_: Any, **__: Any) -> int:
    """``custom_mapping`` gives shapes."""
    return int(2 * a[0] * a[1] * b[1])
