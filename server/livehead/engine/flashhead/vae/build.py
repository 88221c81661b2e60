"""The autoencoder that belongs to a variant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from livehead.engine.flashhead.geometry import Geometry
from livehead.engine.flashhead.vae.base import Vae
from livehead.engine.flashhead.vae.ltx.vae import LtxVae
from livehead.engine.flashhead.vae.wan.vae import WanVae
from livehead.engine.flashhead.weights.config import Variant, read_json
from livehead.errors import CheckpointError


def build_vae(
    variant: Variant, config: Mapping[str, Any], geometry: Geometry, device: torch.device, dtype: torch.dtype
) -> Vae:
    """An autoencoder with uninitialised weights. Raises CheckpointError if it does not fit the transformer."""
    vae: LtxVae | WanVae
    try:
        vae = LtxVae(config, device, dtype) if variant == "lite" else WanVae(config, device, dtype)
    except (TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"The autoencoder's config.json cannot be used ({error}). Run `livehead models download`."
        ) from None
    if vae.mean.numel() != geometry.channels:
        raise CheckpointError(
            f"The autoencoder has {vae.mean.numel()} latent channels, the transformer {geometry.channels}: they do not "
            "belong together. Run `livehead models download`."
        )
    return vae


def read_vae_config(variant: Variant, folder: Path) -> dict[str, Any]:
    """LTX has a config.json. The published Wan file has none, and the defaults apply; a smaller model may have one."""
    path = folder / "config.json"
    if variant == "pro" and not path.exists():
        return {}
    return {name: value for name, value in read_json(path).items() if not name.startswith("_")}
