"""Matmuls in 8 bits: how far off they are, and that they are only used on request."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import gelu, linear

from engine.flashhead.material import portrait, relative, voice
from livehead.engine.base import Work
from livehead.engine.flashhead.dit.matmul import (
    LARGEST,
    QuantizedWeight,
    feed_forward,
    linear_layer,
    quantize,
    quantize_gelu,
)
from livehead.engine.flashhead.generator import FlashHead
from livehead.errors import UsageError


def test_each_row_is_quantized_with_its_own_scale() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 5, 64) * torch.logspace(-9, 9, 15).view(3, 5, 1)
    x[1, 2] = 0
    for dtype in LARGEST:
        found = quantize(x, dtype)
        assert found.values.shape == (15, 64)
        assert found.values.dtype is dtype
        back = (found.values.float() * found.scale).view(x.shape)
        assert torch.equal(back[1, 2], x[1, 2])
        largest = found.values.float().abs().amax(-1)
        assert torch.equal(largest[largest > 0], torch.full((14,), LARGEST[dtype]))
        # e4m3 has three bits of mantissa: half a step is a sixteenth; below 2⁻⁶ of the scale steps are even. Those of
        # integers are even all over.
        scale = found.scale.view(3, 5, 1)
        most = x.abs() / 16 + scale * 2**-10 if dtype is torch.float8_e4m3fn else scale * 0.5001
        assert ((back - x).abs() <= most).all()


def test_gelu_is_quantized_over_its_own_range() -> None:
    torch.manual_seed(4)
    x = torch.randn(6, 500) * torch.tensor([0.01, 0.5, 1, 3, 10, 1]).unsqueeze(1)
    x[5] = -x[5].abs()
    right = gelu(x.double(), approximate="tanh")
    found = quantize_gelu(x)
    assert found.values.dtype is torch.int8
    assert ((found.floats() - right).abs() <= found.scale * 0.501).all()
    # A scale alone takes steps twice as long for rows with large values.
    alone = quantize(x, torch.int8, activate=True)
    assert (found.scale[2:5] < 0.56 * alone.scale[2:5]).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("kind", "least", "most"), [(torch.float8_e4m3fn, 0.005, 0.04), (torch.int8, 0.002, 0.014)])
def test_quantized_matmuls_are_a_few_per_cent_off(
    dtype: torch.dtype, kind: torch.dtype, least: float, most: float
) -> None:
    torch.manual_seed(1)
    x = torch.randn(2, 40, 96, dtype=dtype)
    up, down = torch.randn(256, 96, dtype=dtype) / 10, torch.randn(96, 256, dtype=dtype) / 16
    biases = torch.randn(256, dtype=dtype), torch.randn(96, dtype=dtype)
    exact = linear(x.double(), up.double(), biases[0].double())
    found = linear_layer(x, QuantizedWeight.of(up, kind), biases[0])
    assert found.dtype is dtype
    assert least < relative(found.float(), exact) < most
    assert relative(linear_layer(x, up, biases[0]).float(), exact) < 0.004
    quantized = [QuantizedWeight.of(weight, kind) for weight in (up, down)]
    exact = linear(gelu(exact, approximate="tanh"), down.double(), biases[1].double())
    found = feed_forward(x, *(part for pair in zip(quantized, biases, strict=True) for part in pair))
    assert least < relative(found.float(), exact) < 1.5 * most
    assert relative(feed_forward(x, up, biases[0], down, biases[1]).float(), exact) < 0.006


def test_an_engine_in_8_bits_says_so_and_makes_nearly_the_same_frames(tiny_checkpoint: Path) -> None:
    made = {}
    for precision in ("exact", "fp8", "int8"):
        engine = FlashHead.load(tiny_checkpoint, size=64, device="cpu", dtype="float32", precision=precision)
        assert engine.info.details["precision"] == precision
        assert isinstance(engine.model.dit.blocks[0].up, QuantizedWeight) == (precision != "exact")
        stream = engine.open(portrait(), seed=3)
        made[precision] = engine.step([Work(stream, voice(24), 24)], pixel_format="rgb24")[0].astype(float)
    floats, integers = (np.mean((made["exact"] - made[precision]) ** 2) for precision in ("fp8", "int8"))
    assert 0 < integers < floats < 255**2 / 10**2.5


def test_an_unknown_precision(tiny_checkpoint: Path) -> None:
    with pytest.raises(UsageError, match="fp4"):
        FlashHead.load(tiny_checkpoint, size=64, device="cpu", dtype="float32", precision="fp4")
