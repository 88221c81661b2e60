"""Writes a checkpoint of random weights in the published layout, of the published size or tiny.

Every value depends only on its tensor's name and shape (numpy's Philox generator, keyed by the CRC-32 of the name), so
the checkpoint is the same everywhere.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from livehead.engine.flashhead.audio.encoder import AudioEncoder
from livehead.engine.flashhead.dit.attention import choose
from livehead.engine.flashhead.dit.model import Dit
from livehead.engine.flashhead.geometry import Geometry
from livehead.engine.flashhead.runtime.dtype_policy import DtypePolicy
from livehead.engine.flashhead.vae.build import build_vae
from livehead.engine.flashhead.weights.config import PUBLISHED, DitConfig, Variant
from livehead.engine.flashhead.weights.files import Shape
from livehead.engine.flashhead.weights.layout import Layout
from livehead.engine.flashhead.weights.random_init import LTX_CONFIG, WAV2VEC2_CONFIG, distribution
from livehead.errors import UsageError

Progress = Callable[[int], None]
"""Called with the number of bytes just written."""

_META = torch.device("meta")

_TINY_DIT: Mapping[str, Any] = {
    "dim": 48,
    "ffn_dim": 64,
    "freq_dim": 16,
    "text_dim": 8,
    "num_heads": 2,
    "num_layers": 2,
    "audio_blocks": 2,
    "audio_channels": 16,
}
_TINY_LTX: Mapping[str, Any] = {
    "block_out_channels": (8, 8, 16, 16),
    "decoder_block_out_channels": (8, 8, 16, 16),
    "layers_per_block": (1, 1, 1, 1, 1),
    "decoder_layers_per_block": (1, 1, 1, 1, 1),
    "latent_channels": 8,
}
_TINY_WAN: Mapping[str, Any] = {"base_dim": 8}
_TINY_WAV2VEC2: Mapping[str, Any] = {
    "conv_dim": (16,) * 7,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "num_conv_pos_embedding_groups": 4,
    "num_conv_pos_embeddings": 16,
    "num_hidden_layers": 2,
}


def weight(name: str, shape: Shape) -> NDArray[np.float32]:
    """The tensor of this name and shape in every synthetic checkpoint."""
    mean, deviation, positive = distribution(name, shape)
    values = gaussian(name, shape)
    if positive:
        np.abs(values, out=values)
    values *= np.float32(deviation)
    values += np.float32(mean)
    return values


def gaussian(key: str, shape: Shape) -> NDArray[np.float32]:
    """Standard normal float32 values that depend only on key and shape."""
    generator = np.random.Generator(np.random.Philox(key=zlib.crc32(key.encode())))
    return generator.standard_normal(size=shape, dtype=np.float32)


class SyntheticCheckpoint:
    """A synthetic checkpoint of some variants: ``tiny`` for tests on a CPU, else of the published size."""

    def __init__(self, variants: Iterable[Variant], *, tiny: bool) -> None:
        self.variants = tuple(variants)
        self.audio_config = dict(WAV2VEC2_CONFIG) | (dict(_TINY_WAV2VEC2) if tiny else {})
        self._tiny = tiny
        self.parts: dict[Variant, tuple[DitConfig, Mapping[str, Any], dict[str, Shape], dict[str, Shape]]] = {}
        for variant in self.variants:
            config, vae_config = _configs(variant, tiny=tiny)
            attention = choose("sdpa", _META, torch.float32)
            dit = Dit(config, _META, DtypePolicy.of(torch.float32), attention)
            side = config.vae_stride[1] * config.patch_size[1]
            vae = build_vae(variant, vae_config, Geometry.of(config, side), _META, torch.float32)
            shapes = {name: tuple(target.shape) for name, target in dit.targets().items()} | dict(dit.unused())
            self.parts[variant] = config, vae_config, shapes, {n: tuple(t.shape) for n, t in vae.targets().items()}
        audio = AudioEncoder(self.audio_config, _META, fast=False)
        self.audio = {name: tuple(target.shape) for name, target in audio.targets().items()}

    @property
    def size(self) -> int:
        """Bytes of tensors to write."""
        tables = [self.audio, *(table for _, _, dit, vae in self.parts.values() for table in (dit, vae))]
        return sum(4 * prod(shape) for table in tables for shape in table.values())

    def write(self, root: Path, progress: Progress = lambda count: None) -> None:
        """Write the files. Raises UsageError if the disk has no room for them."""
        root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(root).free
        if free < self.size * 1.01:
            raise UsageError(
                f"{root} has {free / 1e9:.1f} GB free, {self.size / 1e9:.1f} GB are needed. Choose another folder."
            )
        for variant, (config, vae_config, dit, vae) in self.parts.items():
            layout = Layout(root, variant)
            raw = asdict(config)
            if not self._tiny:
                del raw["audio_blocks"], raw["audio_channels"]
            _write_json(layout.dit / "config.json", {"_class_name": "WanModelAudioProject", **raw})
            write_safetensors(layout.dit_file, dit, progress)
            if variant == "lite":
                _write_json(layout.vae / "config.json", {"_class_name": "AutoencoderKLLTXVideo", **vae_config})
                write_safetensors(layout.vae_file, vae, progress)
            else:
                if vae_config:
                    _write_json(layout.vae / "config.json", vae_config)
                layout.vae.mkdir(parents=True, exist_ok=True)
                torch.save(
                    {name: torch.from_numpy(weight(name, shape)) for name, shape in vae.items()}, layout.vae_file
                )
                progress(sum(4 * prod(shape) for shape in vae.values()))
        layout = Layout(root, self.variants[0])
        _write_json(layout.audio / "config.json", {"model_type": "wav2vec2", **self.audio_config})
        write_safetensors(layout.audio_file, self.audio, progress)


def _configs(variant: Variant, *, tiny: bool) -> tuple[DitConfig, Mapping[str, Any]]:
    config = PUBLISHED[variant]
    vae: Mapping[str, Any] = LTX_CONFIG if variant == "lite" else {}
    if tiny:
        config = replace(config, **_TINY_DIT)
        if variant == "lite":
            channels = _TINY_LTX["latent_channels"]
            config = replace(config, in_dim=2 * channels, out_dim=channels)
            vae = {**LTX_CONFIG, **_TINY_LTX}
        else:
            vae = _TINY_WAN
    return config, vae


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def write_safetensors(path: Path, shapes: Mapping[str, Shape], progress: Progress = lambda count: None) -> None:
    """Write random tensors one after the other. Only a few of them are in memory at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    place = 0
    for name, shape in shapes.items():
        length = 4 * prod(shape)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [place, place + length]}
        place += length
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for values in _in_order(shapes):
            file.write(values.data)
            progress(values.nbytes)
    partial.replace(path)


def _in_order(shapes: Mapping[str, Shape]) -> Iterator[NDArray[np.float32]]:
    """The tensors in order, made ahead on all cores: numpy samples without holding the GIL."""
    cores = min(16, os.cpu_count() or 1)
    made: deque[Future[NDArray[np.float32]]] = deque()
    with ThreadPoolExecutor(cores, "synthesize") as pool:
        for name, shape in shapes.items():
            made.append(pool.submit(weight, name, shape))
            if len(made) > cores:
                yield made.popleft().result()
        while made:
            yield made.popleft().result()
