"""Matmuls of 8-bit floats: how far off they are, and that they are only used on request."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import gelu, linear

from engine.flashhead.material import portrait, relative, voice
from livehead.engine.base import Work
from livehead.engine.flashhead.dit.matmul import LARGEST, Quantized, feed_forward, linear_layer, quantize
from livehead.engine.flashhead.generator import FlashHead
from livehead.errors import UsageError


def test_each_row_is_quantized_with_its_own_scale() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 5, 64) * torch.logspace(-9, 9, 15).view(3, 5, 1)
    x[1, 2] = 0
    found = quantize(x)
    assert found.values.shape == (15, 64)
    assert found.values.dtype is torch.float8_e4m3fn
    back = (found.values.float() * found.scale).view(x.shape)
    assert torch.equal(back[1, 2], x[1, 2])
    largest = found.values.float().abs().amax(-1)
    assert torch.equal(largest[largest > 0], torch.full((14,), LARGEST))
    # Three bits of mantissa: half a step is a sixteenth; below 2⁻⁶ of the scale steps are even.
    assert ((back - x).abs() <= x.abs() / 16 + found.scale.view(3, 5, 1) * 2**-10).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_quantized_matmuls_are_a_few_per_cent_off(dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    x = torch.randn(2, 40, 96, dtype=dtype)
    up, down = torch.randn(256, 96, dtype=dtype) / 10, torch.randn(96, 256, dtype=dtype) / 16
    biases = torch.randn(256, dtype=dtype), torch.randn(96, dtype=dtype)
    exact = linear(x.double(), up.double(), biases[0].double())
    found = linear_layer(x, quantize(up), biases[0])
    assert found.dtype is dtype
    assert 0.005 < relative(found.float(), exact) < 0.04
    assert relative(linear_layer(x, up, biases[0]).float(), exact) < 0.004
    exact = linear(gelu(exact, approximate="tanh"), down.double(), biases[1].double())
    assert 0.005 < relative(feed_forward(x, quantize(up), biases[0], quantize(down), biases[1]).float(), exact) < 0.06
    assert relative(feed_forward(x, up, biases[0], down, biases[1]).float(), exact) < 0.006


def test_an_engine_with_fp8_says_so_and_makes_nearly_the_same_frames(tiny_checkpoint: Path) -> None:
    made = {}
    for precision in ("exact", "fp8"):
        engine = FlashHead.load(tiny_checkpoint, size=64, device="cpu", dtype="float32", precision=precision)
        assert engine.info.details["precision"] == precision
        assert isinstance(engine.model.dit.blocks[0].up, Quantized) == (precision == "fp8")
        stream = engine.open(portrait(), seed=3)
        made[precision] = engine.step([Work(stream, voice(24), 24)], pixel_format="rgb24")[0].astype(float)
    error = np.mean((made["exact"] - made["fp8"]) ** 2)
    assert 0 < error < 255**2 / 10**2.5


def test_an_unknown_precision(tiny_checkpoint: Path) -> None:
    with pytest.raises(UsageError, match="fp4"):
        FlashHead.load(tiny_checkpoint, size=64, device="cpu", dtype="float32", precision="fp4")
