"""The Triton kernels compute what plain torch computes, on whatever Triton runs on here."""

from __future__ import annotations

import os
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the flashhead extra")
pytest.importorskip("triton", reason="needs Triton")

from livehead.engine.flashhead.colour import match as colour_match  # noqa: E402
from livehead.engine.flashhead.colour import pixels  # noqa: E402
from livehead.engine.flashhead.dit import audio_context, fused_ops, matmul  # noqa: E402
from livehead.engine.flashhead.dit.rope import rope_tables  # noqa: E402
from livehead.engine.flashhead.kernels import audio_context as audio_context_kernels  # noqa: E402
from livehead.engine.flashhead.kernels import colour as colour_kernels  # noqa: E402
from livehead.engine.flashhead.kernels import dispatch, hopper, int8_linear  # noqa: E402
from livehead.engine.flashhead.kernels import quantize as quantize_kernels  # noqa: E402
from livehead.engine.flashhead.kernels import transformer as transformer_kernels  # noqa: E402
from livehead.engine.flashhead.kernels import wav2vec2 as wav2vec2_kernels  # noqa: E402

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
"""Triton then runs its kernels on the CPU, one value after the other."""

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available() and not INTERPRETED, reason="needs a CUDA device"),
]

EPS, HEADS, DIM, GRID = 1e-6, 3, 384, (5, 2, 3)
TOKENS = 30


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """The callers use plain torch here, and the kernels are called by name."""
    monkeypatch.setattr(dispatch, "triton_kernels", lambda device: None)


def random(*shape: int, dtype: Any = torch.float32) -> Any:
    return torch.randn(*shape, dtype=dtype, device="cpu" if INTERPRETED else "cuda")


def apart(found: Any, expected: Any) -> float:
    return float((found.double() - expected.double()).norm() / expected.double().norm())


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 1e-6), (torch.bfloat16, 6e-3)])
@pytest.mark.parametrize("skip", [0, 6])
def test_norms_and_rope(dtype: Any, limit: float, skip: int) -> None:
    torch.manual_seed(skip)
    x, added = random(2, TOKENS, DIM) * 3 + 1, random(2, TOKENS, DIM, dtype=dtype)
    gate, weight, bias = (random(DIM) for _ in range(3))
    normed = transformer_kernels.norm(x, weight, bias, EPS, dtype)
    assert apart(normed, fused_ops.norm(x, weight, bias, EPS, dtype)) < limit
    offset = random(DIM, dtype=dtype)
    for how in ((gate, None), (None, offset), (gate, offset)):
        expected = fused_ops.add_norm(x[:, skip:], added[:, skip:], *how, weight, bias, EPS, dtype)
        found = transformer_kernels.add_norm(x[:, skip:].clone(), added[:, skip:], *how, weight, bias, EPS, dtype)
        assert apart(found[0], expected[0]) < 1e-6
        assert apart(found[1], expected[1]) < limit
    q, k = random(DIM, dtype=dtype), random(DIM, dtype=dtype)
    qkv = random(2, TOKENS, 3 * DIM, dtype=dtype)
    cos, sin = (table.to(x.device) for table in rope_tables(GRID, DIM // HEADS))
    expected_qk = fused_ops.qk_norm_rope(qkv, q, k, cos, sin, HEADS, EPS)
    for own, right in zip(transformer_kernels.qk_norm_rope(qkv, q, k, cos, sin, EPS), expected_qk[:2], strict=True):
        assert apart(own.unflatten(-1, (HEADS, -1)), right) < limit


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 1e-6), (torch.bfloat16, 6e-3)])
@pytest.mark.parametrize("drop", [0, 2])
@pytest.mark.parametrize(("heads", "head"), [(3, 128), (4, 8), (12, 24)])
def test_cross_attention_weights(dtype: Any, limit: float, drop: int, heads: int, head: int) -> None:
    if INTERPRETED and dtype is torch.bfloat16:
        pytest.skip("Triton's interpreter multiplies no bfloat16")
    torch.manual_seed(heads)
    keys = random(2, 5, heads, 32, head, dtype=dtype)[:, drop:] * 0.3
    q = random(2, (5 - drop) * 18, heads * head, dtype=dtype) * 2
    expected = fused_ops.cross_attention_weights(q, keys, EPS)
    assert expected.shape == (2 * (5 - drop), 18, heads * 32)
    assert apart(transformer_kernels.cross_attention_weights(q, keys, EPS), expected) < limit


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 1e-6), (torch.bfloat16, 6e-3)])
@pytest.mark.parametrize(("heads", "head"), [(3, 64), (4, 8)])
def test_cross_attention_keys_and_values(dtype: Any, limit: float, heads: int, head: int) -> None:
    torch.manual_seed(head)
    layers, frames, dim = 2, (2, 5, 32), heads * head
    both = random(layers, 2, 2 * 5 * 32, dim, dtype=dtype)
    weight, out = random(layers, dim), random(layers, heads, head, dim, dtype=dtype)
    expected = audio_context.cross_attention_keys(both[:, 0], weight, frames, heads, EPS)
    assert expected.shape == (layers, 2, 5, heads, 32, head)
    assert apart(audio_context_kernels.cross_attention_keys(both[:, 0], weight, frames, heads, EPS), expected) < limit
    if INTERPRETED and dtype is torch.bfloat16:
        pytest.skip("Triton's interpreter multiplies no bfloat16")
    expected = audio_context.cross_attention_values(both[:, 1], out, frames)
    assert expected.shape == (layers, 2, 5, heads * 32, dim)
    assert apart(audio_context_kernels.cross_attention_values(both[:, 1], out, frames), expected) < limit


@pytest.mark.parametrize("kind", matmul.LARGEST, ids=str)
@pytest.mark.parametrize("activate", [False, True])
@pytest.mark.parametrize("dim", [96, 5000])
def test_quantizing_to_8_bits(activate: bool, dim: int, kind: Any) -> None:
    if INTERPRETED and kind is not torch.int8:
        pytest.skip("Triton's interpreter cuts 8-bit floats off instead of rounding them")
    torch.manual_seed(dim)
    x = random(2, 9, dim, dtype=torch.bfloat16) * 3
    bounds = matmul.LARGEST[kind], matmul.LEAST
    values, scale = quantize_kernels.quantize(x.flatten(0, 1), kind, *bounds, activate=activate)
    expected = matmul.quantize(x, kind, activate=activate)
    assert values.shape == expected.values.shape
    assert apart(scale, expected.scale) < 1e-5
    # A value that lies between two of 8 bits may go either way.
    assert apart(values.float() * scale, expected.values.float() * expected.scale) < 4e-3


@pytest.mark.parametrize("dim", [96, 5000])
def test_quantizing_after_gelu(dim: int) -> None:
    torch.manual_seed(dim)
    x = random(9, dim, dtype=torch.bfloat16) * 3
    peaks = torch.stack([part.amax(-1) for part in x.float().split(40, 1)], 1)
    values, scale, offset = quantize_kernels.quantize_gelu(x, peaks)
    expected = matmul.quantize_gelu(x)
    assert apart(scale, expected.scale) < 1e-3
    assert apart(matmul.Quantized(values, scale, offset).floats(), expected.floats()) < 4e-3


@pytest.mark.skipif(INTERPRETED, reason="Triton's interpreter multiplies no 8-bit integers")
@pytest.mark.parametrize("own", [True, False], ids=["the card's own kernel", "Triton's"])
@pytest.mark.parametrize(
    ("rows", "depth", "columns"), [(1280, 1536, 4608), (77, 256, 512), (200, 8960, 1536), (5120, 256, 1536)]
)
def test_a_linear_layer_of_8_bit_integers(
    rows: int, depth: int, columns: int, own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if own and torch.cuda.get_device_capability()[0] != 9:
        pytest.skip("this card has none")
    if own:
        assert hopper.int8_kernels(torch.device("cuda")) is not None
    else:
        monkeypatch.setattr(hopper, "int8_kernels", lambda device: None)
    torch.manual_seed(rows)
    plain = matmul.quantize(random(rows, depth), torch.int8)
    moved = plain._replace(offset=random(rows, 1))
    weight = matmul.QuantizedWeight.of(random(columns, depth) / depth**0.5, torch.int8)
    bias = random(columns, dtype=torch.bfloat16)
    for x in (plain, moved):
        found, peaks = int8_linear.linear(*x, *weight, bias, peaks=x is plain)
        expected = x.floats().double() @ (weight.values * weight.scale.double()).mT + bias.double()
        assert found.dtype is torch.bfloat16
        assert apart(found, expected) < 3e-3
        assert (peaks is not None) == (x is plain)
        if peaks is not None:
            assert apart(peaks.amax(1), expected.amax(1)) < 1e-5


def test_the_first_audio_convolution() -> None:
    torch.manual_seed(1)
    samples, weight, offset = random(2, 5 * 40 + 10), random(2, 300, 10), random(2, 300)
    expected = torch.nn.functional.gelu(torch.baddbmm(offset[:, None], samples.unfold(1, 10, 5), weight.mT))
    assert apart(wav2vec2_kernels.first_conv(samples, weight, offset, 5), expected) < 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_colour_match_and_i420(dtype: Any) -> None:
    torch.manual_seed(0)
    decoded = (random(2, 3, 6, 40, 48) * 0.3).cumsum(-1).clamp(-1.2, 1.2).to(dtype)
    frames = decoded.transpose(1, 2)[:, 2:]
    mean = random(2, 1, 3, 1, 1) * 8
    mean[:, :, 0] += 50
    statistics = colour_match.ColourStatistics(mean, random(2, 1, 3, 1, 1).abs() * 5 + 5)
    expected = colour_match.match(frames, statistics)
    found = colour_kernels.match(frames, statistics.mean, statistics.deviation)
    assert (found - expected).abs().max() < 1e-5
    for rgb in (expected[:, 1:], expected):
        levels = colour_kernels.to_i420(rgb).int() - pixels.to_i420(rgb).int()
        assert levels.abs().max() <= 1
        assert (levels == 0).float().mean() > 0.999
