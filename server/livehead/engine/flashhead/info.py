"""What FlashHead says about itself: sizes, latency presets, and facts for people."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from livehead.engine.base import GeneratorInfo, Preset
from livehead.engine.flashhead.runtime.torch_device import device_name
from livehead.engine.flashhead.weights.checkpoint import Model
from livehead.engine.flashhead.weights.config import Variant

PRESETS: Mapping[Variant, Mapping[str, Preset]] = {
    # A frame is sent (hop + lookahead) · 40 ms after its audio at the earliest, plus the window (50 ms on an H200) and
    # 20 ms in the queue: 270, 430 and 1030 ms. The maximum delay leaves as much again for a busy or a slower card.
    "lite": {"low": Preset(4, 1, 600), "balanced": Preset(8, 1, 900), "throughput": Preset(24, 0, 1600)},
    # A window of Pro takes 400 to 450 ms, so a hop under 12 cannot hold real time. 1110, 1350 and 1590 ms.
    "pro": {"low": Preset(14, 2, 1600), "balanced": Preset(20, 2, 1900), "throughput": Preset(28, 0, 2300)},
}


def generator_info(model: Model, max_batch: int) -> GeneratorInfo:
    """The model at its frame size, before anything is recorded as a graph."""
    geometry = model.geometry
    return GeneratorInfo(
        name="flashhead",
        width=geometry.width,
        height=geometry.height,
        window=geometry.new_frames,
        motion_frames=geometry.motion_frames,
        presets=PRESETS[model.config.variant],
        max_batch=max_batch,
        device=device_name(model.device),
        variant=model.config.variant,
        # Streams share what does not depend on the hop, and are decoded one after the other.
        mixed_hops=True,
        silence_hop=geometry.new_frames,
        details={
            "attention": model.dit.attention.name,
            "dtype": str(model.dtypes.dtype).removeprefix("torch."),
            "precision": model.dtypes.matmul,
            # Its own kind of string would make whoever unpickles it import torch: seconds, in the server.
            "torch": str(torch.__version__),
            "weights": model.origin,
        },
    )
