"""A complete model, from files in the published layout or from random numbers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from livehead.engine.flashhead.audio.encoder import AudioEncoder
from livehead.engine.flashhead.dit.attention import Attention, choose
from livehead.engine.flashhead.dit.model import Dit
from livehead.engine.flashhead.dit.sampler import TIMESTEPS
from livehead.engine.flashhead.geometry import Geometry
from livehead.engine.flashhead.runtime.dtype_policy import DtypePolicy
from livehead.engine.flashhead.vae.base import Vae
from livehead.engine.flashhead.vae.build import build_vae, read_vae_config
from livehead.engine.flashhead.weights.config import PUBLISHED, DitConfig, Variant, read_dit_config, read_json
from livehead.engine.flashhead.weights.files import SafetensorsFile, TensorFile, TorchFile, check, fill
from livehead.engine.flashhead.weights.layout import Layout
from livehead.engine.flashhead.weights.random_init import LTX_CONFIG, WAV2VEC2_CONFIG, randomise
from livehead.errors import CheckpointError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Model:
    """The three networks on one device, ready to compute."""

    config: DitConfig
    geometry: Geometry
    dit: Dit
    vae: Vae
    audio: AudioEncoder
    device: torch.device
    dtypes: DtypePolicy
    origin: str


Fill = Callable[[str, Mapping[str, Tensor], Dit | None], None]


def load_model(
    root: Path,
    variant: Variant,
    size: int | tuple[int, int],
    device: torch.device,
    dtypes: DtypePolicy,
    attention: Attention,
) -> Model:
    """Load strictly. ``size`` is a side or (height, width). Raises CheckpointError, naming file, tensor and cure, and
    SizeError."""
    layout = Layout(root, variant)
    layout.check_folders()
    config = read_dit_config(layout.dit / "config.json", variant)

    def from_file(part: str, targets: Mapping[str, Tensor], dit: Dit | None) -> None:
        fill(_sources(layout)[part](), targets, dit.unused() if dit else None, _ignored(part))

    vae_config, audio_config = read_vae_config(variant, layout.vae), read_json(layout.audio / "config.json")
    return _assemble(config, size, device, dtypes, attention, vae_config, audio_config, from_file, str(root))


def check_files(root: Path, variant: Variant) -> None:
    """Compare names, shapes and configurations with what loading expects. Raises CheckpointError."""
    nowhere = torch.device("meta")
    dtypes = DtypePolicy.of(torch.float32)

    def compare(part: str, targets: Mapping[str, Tensor], dit: Dit | None) -> None:
        shapes = {name: tuple(target.shape) for name, target in targets.items()} | dict(dit.unused() if dit else {})
        check(_sources(layout)[part](), shapes, _ignored(part))

    layout = Layout(root, variant)
    layout.check_folders()
    config = read_dit_config(layout.dit / "config.json", variant)
    side = config.vae_stride[1] * config.patch_size[1]
    vae_config, audio_config = read_vae_config(variant, layout.vae), read_json(layout.audio / "config.json")
    attention = choose("sdpa", nowhere, dtypes.dtype)
    _assemble(config, side, nowhere, dtypes, attention, vae_config, audio_config, compare, str(root))


def random_model(
    variant: Variant,
    size: int | tuple[int, int],
    device: torch.device,
    dtypes: DtypePolicy,
    attention: Attention,
    seed: int,
) -> Model:
    """Random weights of the published size, made on the device, for measuring."""
    generator = torch.Generator(device)
    generator.manual_seed(seed)

    def from_nothing(part: str, targets: Mapping[str, Tensor], dit: Dit | None) -> None:
        for name, target in targets.items():
            randomise(name, target, generator)

    vae_config = LTX_CONFIG if variant == "lite" else {}
    return _assemble(
        PUBLISHED[variant],
        size,
        device,
        dtypes,
        attention,
        vae_config,
        WAV2VEC2_CONFIG,
        from_nothing,
        "synthetic",
    )


def _sources(layout: Layout) -> dict[str, Callable[[], TensorFile]]:
    file = SafetensorsFile if layout.variant == "lite" else TorchFile
    return {
        "transformer": lambda: SafetensorsFile(layout.dit_file),
        "autoencoder": lambda: file(layout.vae_file),
        "audio encoder": lambda: SafetensorsFile(layout.audio_file),
    }


def _ignored(part: str) -> str:
    """The prefix of tensors that may be there. wav2vec2 has the output layer of its speech recognition, unused here."""
    return "lm_head." if part == "audio encoder" else " "


def _assemble(
    config: DitConfig,
    size: int | tuple[int, int],
    device: torch.device,
    dtypes: DtypePolicy,
    attention: Attention,
    vae_config: Mapping[str, Any],
    audio_config: Mapping[str, Any],
    fill_in: Fill,
    origin: str,
) -> Model:
    geometry = Geometry.of(config, size)
    fast = device.type == "cuda" and dtypes.dtype is not torch.float32
    audio = AudioEncoder(audio_config, device, fast=fast)
    if (audio.blocks, audio.channels) != (config.audio_blocks, config.audio_channels):
        raise CheckpointError(
            f"wav2vec2 gives {audio.blocks}×{audio.channels} features per frame, the transformer expects "
            f"{config.audio_blocks}×{config.audio_channels}: they do not belong together. "
            "Run `livehead models download`."
        )
    fill_in("audio encoder", audio.targets(), None)
    if device.type != "meta":
        audio.prepare()
    log.info("audio encoder loaded")
    vae = build_vae(config.variant, vae_config, geometry, device, dtypes.dtype)
    fill_in("autoencoder", vae.targets(), None)
    if device.type != "meta":
        vae.prepare()
        if dtypes.matmul == "int8":
            vae.quantize()
    log.info("autoencoder loaded")
    dit = Dit(config, device, dtypes, attention)
    fill_in("transformer", dit.targets(), dit)
    if device.type != "meta":
        dit.prepare(TIMESTEPS)
    log.info("transformer loaded")
    return Model(config, geometry, dit, vae, audio, device, dtypes, origin)
