"""Our wav2vec2 against transformers', with the same weights."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import gelu, interpolate

from engine.flashhead.material import relative, voice
from livehead.engine.flashhead.audio.encoder import AudioEncoder
from livehead.engine.flashhead.audio.wav2vec2 import Wav2Vec2
from livehead.engine.flashhead.weights.random_init import WAV2VEC2_CONFIG
from livehead.errors import CheckpointError

transformers = pytest.importorskip("transformers", reason="the reference for our wav2vec2")

CPU = torch.device("cpu")
WIDE = dict(WAV2VEC2_CONFIG) | {
    "num_hidden_layers": 2,
    "num_conv_pos_embeddings": 15,
    "num_conv_pos_embedding_groups": 4,
}


def stock(config: dict[str, Any], tensors: dict[str, Tensor]) -> Any:
    options = transformers.Wav2Vec2Config(**config)
    options._attn_implementation = "sdpa"
    model = transformers.Wav2Vec2Model(options)
    names = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
    renamed = {}
    for name, tensor in tensors.items():
        head, _, leaf = name.rpartition(".")
        renamed[f"{head}.{names[leaf]}" if leaf in names else name] = tensor
    model.load_state_dict(renamed, strict=True)
    return model.eval()


def layers_of(model: Any, samples: Tensor) -> list[Tensor]:
    """What transformers' layers make of (B, 128000) samples, put together as the paper of FlashHead says."""
    outputs: list[Tensor] = []
    hooks = [
        layer.register_forward_hook(lambda _m, _i, out: outputs.append(out[0] if isinstance(out, tuple) else out))
        for layer in model.encoder.layers
    ]
    h = interpolate(model.feature_extractor(samples), size=200, mode="linear", align_corners=True).transpose(1, 2)
    projected = model.feature_projection(h)
    model.encoder(projected[0] if isinstance(projected, tuple) else projected)
    for hook in hooks:
        hook.remove()
    return outputs


def tiny(root: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    folder = root / "wav2vec2-base-960h"
    tensors = load_file(folder / "model.safetensors")
    return json.loads((folder / "config.json").read_text()), {
        name.removeprefix("wav2vec2."): tensor for name, tensor in tensors.items() if name.startswith("wav2vec2.")
    }


def filled(config: dict[str, Any], tensors: dict[str, Tensor]) -> Wav2Vec2:
    own = Wav2Vec2(config, CPU, fast=False)
    assert own.targets.keys() == tensors.keys()
    for name, target in own.targets.items():
        target.copy_(tensors[name])
    own.prepare()
    return own


def hiss(seconds: float = 8.0) -> Tensor:
    """Speech-like audio, with an offset, in a batch of two."""
    samples = np.stack([voice(round(seconds * 25), seed) for seed in (1, 2)])
    return torch.from_numpy(samples + np.float32(0.05))


def test_every_layer_is_that_of_transformers(tiny_checkpoint: Path) -> None:
    config, tensors = tiny(tiny_checkpoint)
    with torch.inference_mode():
        expected = layers_of(stock(config, tensors), hiss())
        found = filled(config, tensors).hidden(hiss())
    assert len(found) == len(expected) == 2
    for own, right in zip(found, expected, strict=True):
        assert own.shape == (2, 200, 16)
        assert relative(own, right) < 1e-5


@pytest.mark.parametrize("kind", ["silence", "a click", "a pure tone", "band-limited"])
def test_hard_inputs(kind: str) -> None:
    """Filters that let almost nothing through: their outputs' deviation is tiny, and is divided by."""
    torch.manual_seed(3)
    config = dict(WIDE)
    tensors = {
        name: torch.randn_like(target) * 0.1 for name, target in Wav2Vec2(config, CPU, fast=False).targets.items()
    }
    first = tensors["feature_extractor.conv_layers.0.conv.weight"]
    first -= first.mean(-1, keepdim=True)
    time = torch.arange(128000) / 16000
    samples = {
        "silence": torch.zeros(128000),
        "a click": torch.nn.functional.one_hot(torch.tensor(64000), 128000).float(),
        "a pure tone": torch.sin(2 * math.pi * 30 * time),
        "band-limited": torch.from_numpy(np.convolve(voice(200, 5), np.hanning(64) / 32, "same").astype(np.float32)),
    }[kind][None]
    with torch.inference_mode():
        expected = layers_of(stock(config, tensors), samples)
        found = filled(config, tensors).hidden(samples)
    for own, right in zip(found, expected, strict=True):
        assert relative(own, right) < 1e-4


def test_a_window_looks_at_its_frames_and_their_neighbours(tiny_checkpoint: Path) -> None:
    config, tensors = tiny(tiny_checkpoint)
    audio = AudioEncoder(config, CPU, fast=False)
    for name, target in audio.targets().items():
        target.copy_(tensors[name.removeprefix("wav2vec2.")])
    audio.prepare()
    samples = hiss()
    normal = samples - samples.double().mean(-1, keepdim=True)
    normal = (normal / (samples.double().var(-1, correction=0, keepdim=True) + 1e-7).sqrt()).float()
    with torch.inference_mode():
        expected = torch.stack(layers_of(stock(config, tensors), normal), dim=2)
        embedding = audio.embedding(samples)
    assert embedding.shape == (2, 33, 5, 2, 16)
    assert relative(embedding[:, 0, 0], expected[:, 165]) < 1e-5
    assert relative(embedding[:, 20, 3], expected[:, 188]) < 1e-5
    assert relative(embedding[:, 32, 2], expected[:, 199]) < 1e-5
    assert torch.equal(embedding[:, 32, 2], embedding[:, 32, 4])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"do_stable_layer_norm": True}, "do_stable_layer_norm is True"),
        ({"conv_stride": (5, 2, 2, 2, 2, 2, 1)}, "798 frames"),
        ({"hidden_size": None}, "hidden_size"),
    ],
)
def test_a_configuration_of_another_model_is_refused(change: dict[str, Any], words: str) -> None:
    config = {name: value for name, value in (dict(WAV2VEC2_CONFIG) | change).items() if value is not None}
    with pytest.raises(CheckpointError, match=words):
        AudioEncoder(config, CPU, fast=False)


def test_the_first_layer_is_a_convolution_a_group_norm_and_gelu() -> None:
    torch.manual_seed(0)
    own = Wav2Vec2(WIDE, CPU, fast=False)
    for target in own.targets.values():
        target.normal_()
    weight = own.targets["feature_extractor.conv_layers.0.conv.weight"].clone()
    scale, shift = (
        own.targets[f"feature_extractor.conv_layers.0.layer_norm.{leaf}"].clone() for leaf in ("weight", "bias")
    )
    own.prepare()
    samples = hiss()
    expected = torch.nn.functional.conv1d(samples[:, None].double(), weight.double(), stride=5)
    expected = gelu(torch.nn.functional.group_norm(expected, 512, scale.double(), shift.double(), 1e-5))
    assert relative(own._first_conv(samples).transpose(1, 2), expected) < 1e-5
