"""Our Wan autoencoder against diffusers', whatever the size, the batch and the frames that are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from diffusers.loaders.single_file_utils import convert_wan_vae_to_diffusers
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from torch.utils.flop_counter import FlopCounterMode

from engine.flashhead.material import relative
from livehead.engine.flashhead.geometry import Geometry
from livehead.engine.flashhead.vae.build import build_vae
from livehead.engine.flashhead.vae.layers import Conv, ConvLayer, ResnetBlock
from livehead.engine.flashhead.vae.wan.vae import WanVae
from livehead.engine.flashhead.weights.config import PUBLISHED
from livehead.engine.flashhead.weights.random_init import randomise
from livehead.errors import CheckpointError

CPU, META = torch.device("cpu"), torch.device("meta")
SMALL: Mapping[str, Any] = {"base_dim": 8}


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    torch.manual_seed(0)


def random_wan(config: Mapping[str, Any]) -> WanVae:
    """Random weights, not yet prepared."""
    generator = torch.Generator().manual_seed(0)
    own = WanVae(config, CPU, torch.float32)
    for name, tensor in own.targets().items():
        randomise(name, tensor, generator)
    return own


def pair_of(config: Mapping[str, Any]) -> tuple[WanVae, Any]:
    """Ours and diffusers' with the same random weights, which reach the latter by diffusers' own converter."""
    with torch.inference_mode():
        own = random_wan(config)
        stock = AutoencoderKLWan(**config).eval().requires_grad_(False)
        published = {name: tensor.clone() for name, tensor in own.targets().items()}
        stock.load_state_dict(convert_wan_vae_to_diffusers(published), strict=True)
        own.prepare()
    return own, stock


@pytest.fixture(scope="module")
def pair() -> tuple[WanVae, Any]:
    return pair_of(SMALL)


@pytest.mark.parametrize("frames", [1, 2, 3, 9])
@pytest.mark.parametrize(("batch", "height", "width"), [(1, 2, 2), (2, 5, 3)])
def test_decoding(pair: tuple[WanVae, Any], frames: int, batch: int, height: int, width: int) -> None:
    own, stock = pair
    latents = torch.randn(batch, 16, frames, height, width)
    with torch.inference_mode():
        video = own.model.decode(latents).transpose(1, 2)
        assert video.shape == (batch, 3, 4 * frames - 3, 8 * height, 8 * width)
        assert relative(video, stock.decode(latents).sample) < 3e-6


@pytest.mark.parametrize("frames", [1, 5, 33])
@pytest.mark.parametrize(("batch", "height", "width"), [(1, 32, 32), (2, 48, 16)])
def test_encoding(pair: tuple[WanVae, Any], frames: int, batch: int, height: int, width: int) -> None:
    own, stock = pair
    video = torch.rand(batch, 3, frames, height, width) * 2 - 1
    with torch.inference_mode():
        moments = own.encode(video)
        assert moments.mean.shape == (batch, 16, (frames + 3) // 4, height // 8, width // 8)
        assert moments.deviation is None
        assert relative(moments.mean, stock.encode(video).latent_dist.mean) < 3e-6


def test_nothing_is_hard_wired_to_the_published_shape() -> None:
    config = {"base_dim": 8, "decoder_base_dim": 16, "dim_mult": [1, 2, 2], "temperal_downsample": [True, False]}
    own, stock = pair_of(config)
    latents, video = torch.randn(1, 16, 3, 2, 3), torch.rand(1, 3, 5, 16, 8) * 2 - 1
    with torch.inference_mode():
        assert relative(own.model.decode(latents).transpose(1, 2), stock.decode(latents).sample) < 3e-6
        assert relative(own.encode(video).mean, stock.encode(video).latent_dist.mean) < 3e-6


def test_latents_are_normalised_means(pair: tuple[WanVae, Any]) -> None:
    own, stock = pair
    frames = torch.rand(1, 3, 5, 32, 32) * 2 - 1
    with torch.inference_mode():
        posterior = stock.encode(frames).latent_dist
        mean, std = (torch.tensor(values)[:, None, None, None] for values in _constants(stock))
        expected = (posterior.mean - mean) / std
        assert relative(own.normalise(own.encode(frames), None), expected) < 3e-6
        assert relative(own.decode(expected), stock.decode(expected * std + mean).sample) < 3e-6


def _constants(stock: Any) -> tuple[list[float], list[float]]:
    return stock.config.latents_mean, stock.config.latents_std


def test_a_portrait_is_shown_in_a_whole_window(pair: tuple[WanVae, Any]) -> None:
    own, stock = pair
    image = torch.rand(1, 3, 32, 16) * 2 - 1
    with torch.inference_mode():
        held = stock.encode(image[:, :, None].expand(-1, -1, 33, -1, -1)).latent_dist.mean
        assert relative(own.encode_portrait(image).mean, held) < 3e-6


def test_a_batch_is_what_its_streams_are_alone(pair: tuple[WanVae, Any]) -> None:
    own, _ = pair
    latents, video = torch.randn(2, 16, 3, 2, 3), torch.rand(2, 3, 5, 16, 24) * 2 - 1
    with torch.inference_mode():
        decoded, encoded = own.decode(latents), own.encode(video).mean
        for row in range(2):
            assert torch.equal(decoded[row], own.decode(latents[row : row + 1])[0])
            assert torch.equal(encoded[row], own.encode(video[row : row + 1]).mean[0])


@pytest.mark.parametrize(
    "wanted", [range(5, 33), range(5, 19), range(3, 7), range(33), range(1), range(1, 2), range(2, 3), range(32, 33)]
)
def test_wanted_frames_are_what_they_are_in_the_whole(pair: tuple[WanVae, Any], wanted: range) -> None:
    own, _ = pair
    latents = torch.randn(2, 16, 9, 2, 3)
    with torch.inference_mode():
        some, whole = own.decode(latents, wanted), own.decode(latents)
    assert relative(some, whole[:, :, wanted.start : wanted.stop]) < 1e-6


@pytest.mark.parametrize("wanted", [range(170, 177), range(175, 176), range(176, 177)])
def test_late_frames_of_a_long_clip_need_no_early_ones(pair: tuple[WanVae, Any], wanted: range) -> None:
    """There even the smallest layers leave the first frame out, which resampling in time treats otherwise."""
    own, _ = pair
    latents = torch.randn(1, 16, 45, 1, 1)
    with torch.inference_mode():
        some, whole = own.decode(latents, wanted), own.decode(latents)
    assert relative(some, whole[:, :, wanted.start : wanted.stop]) < 1e-6


def test_fewer_wanted_frames_are_less_work() -> None:
    with torch.inference_mode():
        model = WanVae({}, META, torch.bfloat16).model
        model.prepare()
        work = []
        for wanted in (None, range(5, 25), range(5, 19)):
            with FlopCounterMode(display=False) as counter:
                model.decode(torch.empty(1, 16, 9, 64, 64, device=META), wanted)
            work.append(counter.get_total_flops() / 1e12)
    assert work[0] < 71  # diffusers' takes 73.9, by upsampling before it convolves
    assert work[1] < 0.76 * work[0]
    assert work[2] < 0.58 * work[0]


@pytest.mark.parametrize(("inputs", "outputs"), [(8, 0), (0, 24), (16, 8)])
def test_more_channels_than_there_are_change_nothing(pair: tuple[WanVae, Any], inputs: int, outputs: int) -> None:
    """What WIDER may ask for on CUDA."""
    own, _ = pair
    latents, video = torch.randn(1, 16, 3, 2, 3), torch.rand(1, 3, 5, 16, 24) * 2 - 1
    with torch.inference_mode():
        wide = random_wan(SMALL)
        for conv in _convolutions(wide):
            had_outputs, had_inputs = conv.weight.shape[:2]
            conv.widen(had_inputs + inputs, had_outputs + outputs)
        wide.prepare()
        # The same sums in another order: the same gate as beside diffusers.
        assert relative(wide.decode(latents), own.decode(latents)) < 3e-6
        assert relative(wide.encode(video).mean, own.encode(video).mean) < 3e-6


def test_clips_too_large_for_one_convolution_are_made_in_parts(
    pair: tuple[WanVae, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, _ = pair
    latents, video = torch.randn(1, 16, 9, 2, 3), torch.rand(1, 3, 33, 16, 24) * 2 - 1
    with torch.inference_mode():
        decoded, encoded = own.decode(latents), own.encode(video).mean
        for frames in (3, 11, 34):
            monkeypatch.setattr("livehead.engine.flashhead.vae.layers.LARGEST", frames * 16 * 24 * 8)
            assert relative(own.decode(latents), decoded) < 1e-6
            assert relative(own.encode(video).mean, encoded) < 1e-6


def _convolutions(vae: WanVae) -> list[Conv]:
    found: list[Conv] = []
    for layer in (*vae.model.encoder, *vae.model.decoder):
        if isinstance(layer, ConvLayer):
            found.append(layer.conv)
        elif isinstance(layer, ResnetBlock):
            found += [layer.first, layer.second]
    return found


def test_weights_are_held_once(pair: tuple[WanVae, Any]) -> None:
    own, _ = pair
    assert not own.targets()


def test_every_published_tensor_has_its_place() -> None:
    with META:
        stock = AutoencoderKLWan()
    own = WanVae({}, META, torch.bfloat16).targets()
    assert len(own) == 194
    converted = convert_wan_vae_to_diffusers(dict(own))
    assert {name: t.shape for name, t in converted.items()} == {n: t.shape for n, t in stock.state_dict().items()}


@pytest.mark.parametrize(
    "other",
    [
        {"is_residual": True},
        {"patch_size": 2},
        {"attn_scales": [0.5]},
        {"layers": 3},
        {"temperal_downsample": [True]},
        {"latents_mean": [0.0]},
    ],
    ids=lambda other: next(iter(other)),
)
def test_other_versions_are_refused(other: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match=next(iter(other))):
        build_vae("pro", other, Geometry.of(PUBLISHED["pro"], 64), CPU, torch.float32)


def test_a_config_may_spell_out_the_defaults() -> None:
    with META:
        spelt = dict(AutoencoderKLWan().config)
    given = {name: value for name, value in spelt.items() if not name.startswith("_")}
    assert WanVae(given, META, torch.float32).targets().keys() == WanVae({}, META, torch.float32).targets().keys()
