"""The autoencoders' latents as the engine uses them."""

from __future__ import annotations

import pytest
import torch

from engine.flashhead.conftest import Engines
from engine.flashhead.material import relative


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    torch.manual_seed(0)


def test_ltx_portrait_is_the_posterior_of_a_portrait_shown_in_all_frames(tiny_engine: Engines) -> None:
    vae = tiny_engine("lite", 64).model.vae
    portrait = torch.rand(1, 3, 64, 64) * 2 - 1
    with torch.inference_mode():
        one = vae.encode_portrait(portrait)
        held = vae.encode(portrait[:, :, None].expand(-1, -1, 33, -1, -1))
    assert one.deviation is not None
    assert held.deviation is not None
    assert relative(one.mean, held.mean) < 1e-5
    assert relative(one.deviation, held.deviation) < 1e-5


def test_wan_latents_are_normalised_means(tiny_engine: Engines) -> None:
    vae = tiny_engine("pro", 64).model.vae
    frames = torch.rand(1, 3, 5, 64, 64) * 2 - 1
    with torch.inference_mode():
        latents = vae.normalise(vae.encode(frames), None)
        assert latents.shape == (1, 16, 2, 8, 8)
        assert vae.encode(frames).deviation is None
        assert vae.decode(latents).abs().max() <= 1
