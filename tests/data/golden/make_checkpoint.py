#!/usr/bin/env python3
"""Write a small synthetic FlashHead checkpoint in the published folder layout.

    python make_checkpoint.py OUT_DIR        # about 3.4 GB, some 20 s

The tensors have the published names, roles and widths; the diffusion transformer is cut to 2 layers, ffn_dim 1024 and
text_dim 64, so that it runs on a CPU. Every value is a pure function of the tensor's name and shape (numpy's Philox
generator, keyed by the CRC-32 of the name), so the same tensors come out on every machine. The expected outputs in
``cases/`` were computed from exactly these tensors. Do not check the files by size: that of the .pth container varies.

    OUT_DIR/SoulX-FlashHead-1_3B/Model_Lite/{config.json,diffusion_pytorch_model.safetensors}
    OUT_DIR/SoulX-FlashHead-1_3B/Model_Pro/{config.json,diffusion_pytorch_model.safetensors}
    OUT_DIR/SoulX-FlashHead-1_3B/VAE_LTX/{config.json,diffusion_pytorch_model.safetensors}
    OUT_DIR/SoulX-FlashHead-1_3B/VAE_Wan/Wan2.1_VAE.pth
    OUT_DIR/wav2vec2-base-960h/{config.json,preprocessor_config.json,model.safetensors}

Needs numpy, safetensors and torch, and nothing of Livehead: the goldens must not depend on what they test.
"""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

MANIFESTS = Path(__file__).with_name("manifests")

WEIGHTS = "diffusion_pytorch_model.safetensors"

DIT = {
    "_class_name": "WanModelAudioProject",
    "_diffusers_version": "0.34.0",
    "dim": 1536,
    "ffn_dim": 1024,
    "text_dim": 64,
    "freq_dim": 256,
    "eps": 1e-6,
    "num_heads": 12,
    "num_layers": 2,
    "has_image_input": False,
}
LITE = {"in_dim": 256, "out_dim": 128, "vae_stride": [8, 32, 32], "patch_size": [1, 1, 1]}
PRO = {"in_dim": 32, "out_dim": 16, "vae_stride": [4, 8, 8], "patch_size": [1, 2, 2]}


def gaussian(key: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Standard normal values that depend on nothing but key and shape."""
    generator = np.random.Generator(np.random.Philox(key=zlib.crc32(key.encode())))
    return generator.standard_normal(size=shape, dtype=np.float32)


def weight(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A tensor of this name, scaled as its role in the model needs."""
    noise = gaussian(name, shape)
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "latents_std":
        return 1.0 + 0.1 * np.abs(noise)
    if leaf == "latents_mean":
        return 0.1 * noise
    if leaf == "modulation":
        return 0.5 * noise
    if leaf == "gamma" or (leaf == "weight" and len(shape) == 1):
        return 1.0 + 0.1 * noise
    if leaf == "weight_g":
        return 1.0 + 0.1 * np.abs(noise)
    if leaf == "bias" or len(shape) < 2:
        return 0.05 * noise
    return noise / np.float32(np.sqrt(np.prod(shape[1:])))


def manifest(name: str) -> Any:
    """The JSON file of this name: tensor names and shapes, or a published configuration."""
    return json.loads((MANIFESTS / f"{name}.json").read_text())


def tensors(name: str) -> dict[str, NDArray[np.float32]]:
    return {key: np.ascontiguousarray(weight(key, tuple(shape))) for key, shape in manifest(name).items()}


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2))


def main(out: Path) -> None:
    flashhead, wav2vec2 = out / "SoulX-FlashHead-1_3B", out / "wav2vec2-base-960h"
    for folder, name, config in (
        (flashhead / "Model_Lite", "golden_dit_lite", DIT | LITE),
        (flashhead / "Model_Pro", "golden_dit_pro", DIT | PRO),
        (flashhead / "VAE_LTX", "vae_ltx", manifest("vae_ltx_config")),
    ):
        write_json(folder / "config.json", config)
        save_file(tensors(name), folder / WEIGHTS, metadata={"format": "pt"})
    wan = flashhead / "VAE_Wan"
    wan.mkdir(parents=True, exist_ok=True)
    torch.save({key: torch.from_numpy(value) for key, value in tensors("vae_wan").items()}, wan / "Wan2.1_VAE.pth")
    for name in ("config", "preprocessor_config"):
        write_json(wav2vec2 / f"{name}.json", manifest(f"wav2vec2_{name}"))
    save_file(tensors("wav2vec2"), wav2vec2 / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_checkpoint.py OUT_DIR")
    main(Path(sys.argv[1]))
