"""The weights of one transformer block."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from livehead.engine.flashhead.dit.matmul import QuantizedWeight, Weight, exact
from livehead.engine.flashhead.runtime.dtype_policy import DtypePolicy, MatmulPrecision
from livehead.engine.flashhead.weights.config import DitConfig

QUANTIZED: dict[MatmulPrecision, tuple[torch.dtype, tuple[str, ...]]] = {
    "fp8": (torch.float8_e4m3fn, ("qkv", "out", "up", "down")),
    "int8": (torch.int8, ("qkv", "up", "down")),
}
"""Which weights are quantized, to what. In int8 the attention's output layer would take as long as it does exactly."""


@dataclass(slots=True)
class BlockWeights:
    """All but what is applied to the audio (audio_context.py), which is stacked over the layers."""

    qkv: Weight
    qkv_bias: Tensor
    norm_q: Tensor
    norm_k: Tensor
    out: Weight
    out_bias: Tensor
    cross_norm: Tensor
    cross_norm_bias: Tensor
    cross_q: Tensor
    cross_q_bias: Tensor
    cross_out_bias: Tensor
    up: Weight
    up_bias: Tensor
    down: Weight
    down_bias: Tensor
    published_modulation: Tensor
    modulation: Tensor
    """(steps, 6, dim), with the timesteps added and 1 added to the scales; filled in by :meth:`prepare`."""

    @classmethod
    def empty(cls, config: DitConfig, device: torch.device, dtypes: DtypePolicy) -> BlockWeights:
        """Uninitialised weights."""
        dim, ffn = config.dim, config.ffn_dim

        def new(*shape: int, dtype: torch.dtype = dtypes.dtype) -> Tensor:
            return torch.empty(shape, device=device, dtype=dtype)

        return cls(
            qkv=new(3 * dim, dim),
            qkv_bias=new(3 * dim),
            norm_q=new(dim),
            norm_k=new(dim),
            out=new(dim, dim),
            out_bias=new(dim),
            cross_norm=new(dim, dtype=dtypes.residual),
            cross_norm_bias=new(dim, dtype=dtypes.residual),
            cross_q=new(dim, dim),
            cross_q_bias=new(dim),
            cross_out_bias=new(dim),
            up=new(ffn, dim),
            up_bias=new(ffn),
            down=new(dim, ffn),
            down_bias=new(dim),
            published_modulation=new(1, 6, dim, dtype=torch.float32),
            modulation=new(0),
        )

    def targets(self, audio: dict[str, Tensor]) -> dict[str, Tensor]:
        """Where each published tensor goes, by its name within the block. ``audio``: those of the cross-attention
        that are stacked over the layers."""
        dim = self.qkv_bias.shape[0] // 3
        targets = {
            "self_attn.norm_q.weight": self.norm_q,
            "self_attn.norm_k.weight": self.norm_k,
            "self_attn.o.weight": exact(self.out),
            "self_attn.o.bias": self.out_bias,
            "norm3.weight": self.cross_norm,
            "norm3.bias": self.cross_norm_bias,
            "cross_attn.q.weight": self.cross_q,
            "cross_attn.q.bias": self.cross_q_bias,
            **{f"cross_attn.{name}": target for name, target in audio.items()},
            "cross_attn.o.bias": self.cross_out_bias,
            "ffn.0.weight": exact(self.up),
            "ffn.0.bias": self.up_bias,
            "ffn.2.weight": exact(self.down),
            "ffn.2.bias": self.down_bias,
            "modulation": self.published_modulation,
        }
        for place, part in enumerate("qkv"):
            rows = slice(place * dim, (place + 1) * dim)
            targets[f"self_attn.{part}.weight"] = exact(self.qkv)[rows]
            targets[f"self_attn.{part}.bias"] = self.qkv_bias[rows]
        return targets

    def prepare(self, six: Tensor, dtypes: DtypePolicy) -> None:
        """Add the timesteps' m0…m5 (steps, 6, dim) to the modulation and, in 8 bits, quantize the large weights."""
        modulation = self.published_modulation + six
        modulation[:, (1, 4)] += 1
        self.modulation = modulation.to(dtypes.residual)
        if dtypes.matmul != "exact":
            dtype, names = QUANTIZED[dtypes.matmul]
            for name in names:
                setattr(self, name, QuantizedWeight.of(getattr(self, name), dtype))
