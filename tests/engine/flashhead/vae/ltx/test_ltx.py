"""Our LTX autoencoder against diffusers', whatever the size, the batch and the frames that are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl_ltx import AutoencoderKLLTXVideo

from engine.flashhead.material import relative
from livehead.engine.flashhead.geometry import Geometry
from livehead.engine.flashhead.vae.build import build_vae
from livehead.engine.flashhead.vae.ltx.autoencoder import Ltx
from livehead.engine.flashhead.vae.ltx.vae import LtxVae
from livehead.engine.flashhead.weights.config import PUBLISHED
from livehead.engine.flashhead.weights.random_init import LTX_CONFIG, randomise
from livehead.errors import CheckpointError

CPU = torch.device("cpu")
SMALL: Mapping[str, Any] = {
    **LTX_CONFIG,
    "block_out_channels": (8, 16, 24, 24),
    "decoder_block_out_channels": (8, 16, 24, 24),
    "layers_per_block": (2, 1, 1, 1, 1),
    "decoder_layers_per_block": (2, 1, 1, 1, 1),
    "latent_channels": 8,
}


@pytest.fixture(scope="module")
def pair() -> tuple[LtxVae, Any]:
    """Ours and diffusers' with the same random weights."""
    with torch.inference_mode():
        generator = torch.Generator().manual_seed(0)
        stock = AutoencoderKLLTXVideo(**SMALL).eval().requires_grad_(False)
        tensors = stock.state_dict()
        own = LtxVae(SMALL, CPU, torch.float32)
        targets = own.targets()
        assert {name: t.shape for name, t in targets.items()} == {name: t.shape for name, t in tensors.items()}
        for name, tensor in tensors.items():
            randomise(name, tensor, generator)
            targets[name].copy_(tensor)
        own.prepare()
    return own, stock


@pytest.mark.parametrize(("batch", "height", "width"), [(1, 2, 2), (2, 3, 1), (3, 1, 1)])
def test_decoding(pair: tuple[LtxVae, Any], batch: int, height: int, width: int) -> None:
    own, stock = pair
    latents = torch.randn(batch, 8, 5, height, width)
    with torch.inference_mode():
        video = own.model.decode(latents).transpose(1, 2)
        assert video.shape == (batch, 3, 33, 32 * height, 32 * width)
        assert relative(video, stock.decode(latents).sample) < 3e-6


@pytest.mark.parametrize("frames", [1, 9, 33])
@pytest.mark.parametrize(("batch", "height", "width"), [(1, 64, 64), (2, 96, 32)])
def test_encoding(pair: tuple[LtxVae, Any], frames: int, batch: int, height: int, width: int) -> None:
    own, stock = pair
    video = torch.rand(batch, 3, frames, height, width) * 2 - 1
    with torch.inference_mode():
        posterior = stock.encode(video).latent_dist
        moments = own.encode(video)
    assert moments.deviation is not None
    assert relative(moments.mean, posterior.mean) < 3e-6
    assert relative(moments.deviation, posterior.std) < 3e-6


def test_latents_are_normalised_samples(pair: tuple[LtxVae, Any]) -> None:
    own, stock = pair
    frames, noise = torch.rand(1, 3, 9, 64, 64) * 2 - 1, torch.randn(1, 8, 2, 2, 2)
    with torch.inference_mode():
        posterior = stock.encode(frames).latent_dist
        mean, std = (tensor[:, None, None, None] for tensor in (stock.latents_mean, stock.latents_std))
        expected = (posterior.mean + posterior.std * noise - mean) / std
        assert relative(own.normalise(own.encode(frames), noise), expected) < 3e-6
        assert relative(own.decode(expected), stock.decode(expected * std + mean).sample) < 3e-6


@pytest.mark.parametrize(
    "wanted", [range(9, 33), range(8, 17), range(5, 6), range(33), range(1), range(32, 33)], ids=str
)
def test_wanted_frames_are_what_they_are_in_the_whole(pair: tuple[LtxVae, Any], wanted: range) -> None:
    own, _ = pair
    latents = torch.randn(2, 8, 5, 2, 3)
    with torch.inference_mode():
        some, whole = own.decode(latents, wanted), own.decode(latents)
    assert relative(some, whole[:, :, wanted.start : wanted.stop]) < 1e-6


def test_fewer_wanted_frames_are_less_work(pair: tuple[LtxVae, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    own, _ = pair
    from_torch = torch.nn.functional.conv3d
    seen: list[int] = []

    def counting(inputs: torch.Tensor, weight: torch.Tensor, *rest: Any) -> torch.Tensor:
        result = from_torch(inputs, weight, *rest)
        seen.append(result.numel() * weight[0].numel())
        return result

    monkeypatch.setattr("livehead.engine.flashhead.vae.layers.conv3d", counting)
    work = []
    for wanted in (None, range(9, 33), range(8, 17)):
        with torch.inference_mode():
            own.model.decode(torch.randn(1, 8, 5, 1, 1), wanted)
        work.append(sum(seen))
        seen.clear()
    assert work[1] < 0.95 * work[0]
    assert work[2] < 0.75 * work[0]


def test_every_published_tensor_has_its_place() -> None:
    with torch.device("meta"):
        stock = AutoencoderKLLTXVideo(**LTX_CONFIG)
    own = LtxVae(LTX_CONFIG, torch.device("meta"), torch.bfloat16).targets()
    assert len(own) == 190
    assert {name: t.shape for name, t in own.items()} == {name: t.shape for name, t in stock.state_dict().items()}


@pytest.mark.parametrize("other", [{"timestep_conditioning": True}, {"upsample_factor": [2, 2, 2, 2]}, {"layers": 3}])
def test_later_versions_are_refused(other: dict[str, Any]) -> None:
    config = PUBLISHED["lite"]
    with pytest.raises(CheckpointError, match=next(iter(other))):
        build_vae("lite", {**LTX_CONFIG, **other}, Geometry.of(config, 64), CPU, torch.float32)


def test_a_config_may_spell_out_the_defaults() -> None:
    spelt = {"_class_name": "x", "timestep_conditioning": False, "decoder_inject_noise": [False] * 5}
    own = LtxVae({**SMALL, **spelt, "block_out_channels": [8, 16, 24, 24]}, torch.device("meta"), torch.float32)
    assert isinstance(own.model, Ltx)
