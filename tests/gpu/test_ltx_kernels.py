"""The LTX autoencoder's kernels compute what plain torch does, at odd sizes too.

On a CUDA device; without one, where Triton is installed, `TRITON_INTERPRET=1 pytest tests/gpu/test_ltx_kernels.py`
runs the kernels on the CPU.
"""

from __future__ import annotations

import os
from itertools import product

import pytest

torch = pytest.importorskip("torch", reason="needs the flashhead extra")
pytest.importorskip("triton", reason="needs Triton, which comes with torch for CUDA")

from livehead.engine.flashhead import ltx_kernels  # noqa: E402
from livehead.engine.flashhead.ltx import Ltx  # noqa: E402
from livehead.engine.flashhead.ltx_feed import EPS, Clip, plain_feed, plain_pictures  # noqa: E402
from livehead.engine.flashhead.synthetic import LTX_CONFIG, randomise  # noqa: E402

CUDA = torch.cuda.is_available()
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = torch.device("cuda" if CUDA else "cpu")

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not (CUDA or INTERPRETED), reason="needs a CUDA device, or TRITON_INTERPRET=1"),
]

# The interpreter truncates to bfloat16 where the device rounds.
GATES = {torch.float32: 1e-6, torch.bfloat16: 1e-3 if CUDA else 6e-3}

SHAPES = [(1, 4, 6, 8), (2, 3, 5, 24), (2, 10, 14, 128)]
"""Batch, height, width, channels."""

SPANS = [(1, 7, 0, 7, range(7)), (2, 7, 0, 7, range(7)), (1, 9, 2, 5, range(3, 6)), (1, 9, 2, 7, range(3, 9))]
"""Lead, frames in all, first frame that is there, how many are, frames that are wanted."""


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found.double() - expected.double()).norm() / expected.double().norm())


def assert_fed(clip: Clip, first: int, count: int, *, activate: bool) -> None:
    expected, whole = plain_feed(clip, first, count, activate=activate)
    # Poisoned, so that a value that nobody writes is found.
    fed, kept = torch.full_like(expected, torch.nan), torch.full_like(whole.rows, torch.nan)
    ltx_kernels.feed(clip, first, fed, kept, whole.start, activate=activate, eps=EPS)
    gate = GATES[clip.rows.dtype]
    assert relative(fed, expected) < gate
    assert relative(kept, whole.rows) < gate


@pytest.mark.parametrize("dtype", GATES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("span", SPANS, ids=str)
def test_feeding(dtype: torch.dtype, shape: tuple[int, ...], span: tuple[int, int, int, int, range]) -> None:
    batch, height, width, channels = shape
    lead, total, start, there, want = span
    rows = torch.randn(batch, there, height, width, channels, device=DEVICE).to(dtype)
    bias = torch.randn(channels, device=DEVICE)
    residual = torch.randn(batch, total, height, width, channels, device=DEVICE).to(dtype)
    for activate, added in product((False, True), (None, residual)):
        clip = Clip(rows, start, total, bias, added)
        assert_fed(clip, want.start - lead, len(want) + 2, activate=activate)


@pytest.mark.parametrize("dtype", GATES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("start", "there", "want"), [(0, 5, range(9)), (1, 3, range(2, 6)), (2, 3, range(4, 9))])
def test_unfolding(dtype: torch.dtype, shape: tuple[int, ...], start: int, there: int, want: range) -> None:
    batch, height, width, channels = shape
    rows = torch.randn(batch, there, height, width, 8 * channels, device=DEVICE).to(dtype)
    clip = Clip(rows, start, 9, torch.randn(8 * channels, device=DEVICE), folded=True)
    for activate in (False, True):
        assert_fed(clip, want.start - 1, len(want) + 2, activate=activate)


@pytest.mark.parametrize("dtype", GATES, ids=str)
@pytest.mark.parametrize("channels", [48, 64])
def test_pictures(dtype: torch.dtype, channels: int) -> None:
    rows, bias = torch.randn(2, 3, 5, 7, channels, device=DEVICE).to(dtype), torch.randn(channels, device=DEVICE)
    assert relative(ltx_kernels.to_pictures(rows, bias, 4), plain_pictures(rows, bias, 4)) < 1e-6


@pytest.mark.skipif(not CUDA, reason="needs a CUDA device")
def test_bfloat16_and_graphs_on_the_device() -> None:
    """One pair of weights in two precisions; a CUDA graph gives what it was recorded from."""
    with torch.inference_mode():
        exact, fast = Ltx(LTX_CONFIG, DEVICE, torch.float32), Ltx(LTX_CONFIG, DEVICE, torch.bfloat16)
        generator = torch.Generator(DEVICE).manual_seed(0)
        for name, tensor in exact.targets.items():
            randomise(name, tensor, generator)
            fast.targets[name].copy_(tensor)
        exact.prepare()
        fast.prepare()
        latents = torch.randn(2, 128, 5, 5, 9, device=DEVICE)
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            expected = exact.decode(latents)
        eager = fast.decode(latents, range(8, 17))
        error = (eager - expected[:, 8:17]).square().mean()
        assert 10 * torch.log10(4 / error) > 38
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            replayed = fast.decode(latents, range(8, 17))
        graph.replay()
        torch.cuda.synchronize()
        assert torch.equal(replayed, eager)
