"""Convolutions of 8-bit integers: how far off they are, and what borders and repeated frames become."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from engine.flashhead.material import relative
from livehead.engine.flashhead.vae.clip import Clip
from livehead.engine.flashhead.vae.int8_conv import MARGIN, Code, Int8Conv
from livehead.engine.flashhead.vae.layers import Conv, Parameters
from livehead.engine.flashhead.vae.ltx import vae as ltx
from livehead.engine.flashhead.vae.norm_act_pad import Norm
from livehead.engine.flashhead.weights.random_init import LTX_CONFIG, randomise

CPU = torch.device("cpu")
NORM = Norm(eps=1e-8)


def clip_of(channels: int) -> Clip:
    rows, residual = torch.randn(2, 2, 5, 3, 4, channels)
    return Clip(rows, 0, 5, channels, torch.randn(channels), residual)


def made_of(outputs: int, inputs: int, *, repeat: bool) -> Conv:
    conv = Conv(Parameters(CPU, torch.float32), "conv", inputs, outputs, causal=False, repeat=repeat)
    conv.weight.copy_(torch.randn(conv.weight.shape) / inputs**0.5)
    conv.bias.copy_(torch.randn(outputs))
    conv.prepare()
    return conv


@pytest.mark.parametrize("repeat", [True, False])
def test_it_is_one_or_two_per_cent_off(repeat: bool) -> None:
    torch.manual_seed(0)
    conv = made_of(24, 40, repeat=repeat)

    def run() -> Any:
        torch.manual_seed(1)
        return conv(clip_of(40), range(5), NORM, keep=True)

    conv.watch()
    exact, finished = run()
    conv.quantize()
    found, kept = run()
    assert torch.equal(kept.rows, finished.rows)
    assert (found.start, found.total, found.bias is exact.bias) == (exact.start, exact.total, True)
    assert found.rows.shape == exact.rows.shape == (2, 5, 3, 4, 24)
    assert 0.004 < relative(found.rows, exact.rows) < 0.02
    # Where most of what is read is the border, as much as in the middle.
    assert relative(found.rows[:, :, 0, 0], exact.rows[:, :, 0, 0]) < 0.025


def test_a_channel_has_its_own_range_and_nothing_is_nothing() -> None:
    peaks = torch.tensor([0.0, 1.0, 5.0, 11.0])
    code = Code.of(peaks)
    assert torch.equal(code.zero, code.zero.round())
    largest = (127 - code.zero) / code.inverse
    assert (largest[1:] >= 0.99 * MARGIN * peaks[1:]).all()
    assert (largest[1:] <= 1.2 * MARGIN * peaks[1:] + 0.1).all()
    least = (-128 - code.zero) / code.inverse
    assert ((least + 0.2785).abs() < 0.7 / code.inverse).all()
    assert torch.equal(Code.of(peaks).zero, Code.of(peaks * (1 - 1e-6)).zero)


def test_what_is_larger_than_was_seen_is_cut_off() -> None:
    torch.manual_seed(2)
    weight = torch.randn(8, 16, 3, 3, 3)
    conv = Int8Conv(weight, torch.full((16,), 2.0))
    most = torch.full((1, 6 + 3 * 4 * 5, 16), 127, dtype=torch.int8)
    found = conv(most, 1, 3, 4, torch.float32)
    largest = (127 - conv.code.zero) / conv.code.inverse
    assert (largest < 2.6).all()
    inside = (weight.sum((2, 3, 4)) * largest).sum(1)
    assert relative(found[0, 0, 1, 1], inside) < 0.05


def test_a_decoder_keeps_only_whole_tiles_of_channels_in_integers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ltx, "TEST_CLIP", (3, 16))
    config = {**LTX_CONFIG, "block_out_channels": (16, 128), "latent_channels": 16}
    config |= {"layers_per_block": (1, 1, 1), "spatio_temporal_scaling": (True, False)}
    vae = ltx.LtxVae(config, CPU, torch.float32)
    generator = torch.Generator().manual_seed(3)
    for name, target in vae.targets().items():
        randomise(name, target, generator)
    vae.prepare()
    latents = torch.randn(1, 16, 2, 2, 2)
    exact = vae.decode(latents)
    vae.quantize()
    found = vae.decode(latents)
    assert 0.001 < relative(found, exact) < 0.03
    convs = [conv for layer in vae.model.decoder for conv in vars(layer).values() if isinstance(conv, Conv)]
    integers = [conv for conv in convs if conv.int8 is not None]
    assert 0 < len(integers) < len(convs)
    assert all(conv.weight.numel() == 0 for conv in integers)
