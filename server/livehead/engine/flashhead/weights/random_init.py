"""Random weights with which activations neither grow nor vanish through the published networks."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod, sqrt
from typing import Any

import torch
from torch import Tensor

LTX_CONFIG: Mapping[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "decoder_causal": False,
    "encoder_causal": True,
    "in_channels": 3,
    "latent_channels": 128,
    "layers_per_block": (4, 3, 3, 3, 4),
    "out_channels": 3,
    "patch_size": 4,
    "patch_size_t": 1,
    "resnet_norm_eps": 1e-6,
    "scaling_factor": 1.0,
    "spatio_temporal_scaling": (True, True, True, False),
}
"""VAE_LTX/config.json as published."""

WAV2VEC2_CONFIG: Mapping[str, Any] = {
    "conv_bias": False,
    "conv_dim": (512,) * 7,
    "conv_kernel": (10, 3, 3, 3, 3, 2, 2),
    "conv_stride": (5, 2, 2, 2, 2, 2, 2),
    "do_stable_layer_norm": False,
    "feat_extract_activation": "gelu",
    "feat_extract_norm": "group",
    "hidden_act": "gelu",
    "hidden_size": 768,
    "intermediate_size": 3072,
    "layer_norm_eps": 1e-5,
    "num_attention_heads": 12,
    "num_conv_pos_embedding_groups": 16,
    "num_conv_pos_embeddings": 128,
    "num_hidden_layers": 12,
}
"""The entries of wav2vec2-base-960h's config.json that the computation depends on."""


def distribution(name: str, shape: tuple[int, ...]) -> tuple[float, float, bool]:
    """Mean and deviation for a tensor of this name, and whether the noise's absolute value is used."""
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "latents_std" or leaf == "weight_g":
        return 1.0, 0.1, True
    if leaf == "latents_mean":
        return 0.0, 0.1, False
    if leaf == "modulation":
        return 0.0, 0.5, False
    if leaf == "gamma" or (leaf == "weight" and len(shape) == 1):
        return 1.0, 0.1, False
    if leaf == "bias" or len(shape) < 2:
        return 0.0, 0.05, False
    return 0.0, 1 / sqrt(prod(shape[1:])), False


def randomise(name: str, target: Tensor, generator: torch.Generator) -> None:
    """Fill a tensor in place: for a seed the same values in every dtype, but for rounding."""
    mean, deviation, positive = distribution(name, tuple(target.shape))
    values = torch.empty(target.shape, device=target.device).normal_(generator=generator)
    if positive:
        values.abs_()
    target.copy_(values.mul_(deviation).add_(mean))
