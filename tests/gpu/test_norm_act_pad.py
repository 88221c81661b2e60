"""The kernels between two convolutions of an autoencoder compute what plain torch does, at odd sizes too.

On a CUDA device; without one, where Triton is installed, `TRITON_INTERPRET=1 pytest tests/gpu/test_norm_act_pad.py`
runs the kernels on the CPU.
"""

from __future__ import annotations

import os

import pytest

torch = pytest.importorskip("torch", reason="needs the flashhead extra")
pytest.importorskip("triton", reason="needs Triton, which comes with torch for CUDA")

from livehead.engine.flashhead.kernels import dispatch, hopper  # noqa: E402
from livehead.engine.flashhead.kernels import norm_act_pad as kernels  # noqa: E402
from livehead.engine.flashhead.kernels.unpatchify import unpatchify  # noqa: E402
from livehead.engine.flashhead.vae.clip import NO_SHUFFLE, Clip, FinishedFrames, PixelShuffle  # noqa: E402
from livehead.engine.flashhead.vae.int8_conv import Code, Int8Conv, norm_act_codes  # noqa: E402
from livehead.engine.flashhead.vae.norm_act_pad import Norm, plain_norm_act_pad, plain_unpatchify  # noqa: E402

CUDA = torch.cuda.is_available()
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = torch.device("cuda" if CUDA else "cpu")

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not (CUDA or INTERPRETED), reason="needs a CUDA device, or TRITON_INTERPRET=1"),
]

# The interpreter truncates to bfloat16 where the device rounds.
GATES = {torch.float32: 1e-6, torch.bfloat16: 1e-3 if CUDA else 6e-3}

KINDS = [
    (torch.float32, (2, 3, 5, 24)),
    (torch.bfloat16, (1, 4, 6, 8)),
    (torch.bfloat16, (2, 6, 7, 96)),
]
"""Dtype; batch, height, width, channels."""

SPANS = [(1, 7, 0, 7, range(7)), (2, 7, 0, 7, range(7)), (1, 9, 2, 5, range(3, 6)), (1, 9, 2, 7, range(3, 9))]
"""Lead, frames in all, first frame that is there, how many are, frames that are wanted."""

BOTH_WAYS = PixelShuffle(time=2, space=2)
IN_TIME = PixelShuffle(time=2)
IN_SPACE = PixelShuffle(space=2, shift=1)

LTX, WAN, WAN_ALONE = "ltx", "wan", "wan without SiLU"

both_kinds = pytest.mark.parametrize(("dtype", "shape"), KINDS, ids=str)


def norm_of(name: str | None, channels: int) -> Norm | None:
    if name is None:
        return None
    if name == LTX:
        return Norm(eps=1e-8)
    gamma = 1 + 0.3 * torch.randn(channels, device=DEVICE)
    return Norm(least=1e-24 / channels, gamma=gamma, activate=name == WAN)


def random(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, device=DEVICE).to(dtype)


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found.double() - expected.double()).norm() / expected.double().norm())


def assert_padded(
    clip: Clip,
    first: int,
    count: int,
    norm: str | None = None,
    *,
    extra: int = 0,
    repeat: bool = False,
    keep: bool = False,
) -> None:
    width, normed = clip.channels + extra, norm_of(norm, clip.channels)
    expected, finished = plain_norm_act_pad(clip, first, count, normed, width=width, repeat=repeat, keep=keep)
    # Poisoned, so that a value that nobody writes is found.
    padded = torch.full(expected.shape, torch.nan, dtype=expected.dtype, device=DEVICE)
    kept = None if finished is None else FinishedFrames(torch.full_like(finished.rows, torch.nan), finished.start)
    kernels.norm_act_pad(clip, first, padded, kept, normed, repeat=repeat)
    gate = GATES[clip.rows.dtype]
    assert relative(padded, expected) < gate
    if extra:
        assert not padded[..., clip.channels :].any()
    if not repeat and first < 0:
        assert not padded[:, :-first].any()
    if kept is not None:
        assert finished is not None
        assert relative(kept.rows, finished.rows) < gate


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [(2, 6, 7, 24), (1, 24, 20, 128)], ids=str)
@pytest.mark.parametrize(("first", "count", "repeat"), [(-1, 7, True), (-1, 7, False), (1, 3, False)])
@pytest.mark.parametrize("shuffle", [NO_SHUFFLE, BOTH_WAYS], ids=str)
def test_codes(
    dtype: torch.dtype, size: tuple[int, ...], first: int, count: int, repeat: bool, shuffle: PixelShuffle
) -> None:
    torch.manual_seed(count)
    batch, height, width, channels = size
    stored, whole = channels * shuffle.parts, shuffle is NO_SHUFFLE
    rows = random(batch, 5 if whole else 3, height // shuffle.space, width // shuffle.space, stored, dtype=dtype)
    height, width = height // shuffle.space * shuffle.space, width // shuffle.space * shuffle.space
    residual = random(batch, 5, height, width, channels, dtype=dtype)
    code = Code.of(torch.linspace(0.5, 5, channels, device=DEVICE))
    norm = Norm(eps=1e-8)

    def clip() -> Clip:
        return Clip(rows, 0, 5, channels, torch.ones(stored, device=DEVICE), residual, 0, shuffle)

    kept, expected = None, None
    with pytest.MonkeyPatch.context() as plainly:
        plainly.setattr(dispatch, "triton_kernels", lambda device: None)
        expected, kept = norm_act_codes(clip(), first, count, norm, code, repeat=repeat, keep=True)
    assert kept is not None
    codes = torch.full_like(expected, 99)
    found = FinishedFrames(torch.full_like(kept.rows, torch.nan), kept.start)
    kernels.norm_act_codes(clip(), first, count, codes, code, found, norm, repeat=repeat)
    assert relative(found.rows, kept.rows) < GATES[dtype]
    # A value that lies between two codes may go either way.
    apart = (codes.int() - expected.int()).abs()
    assert apart.max() <= 1
    assert (apart > 0).double().mean() < (0.01 if dtype is torch.float32 else 0.2)
    border = codes[:, : width + 2]
    assert torch.equal(border, code.zero.to(torch.int8).expand_as(border))


@pytest.mark.skipif(INTERPRETED, reason="Triton's interpreter has no Gluon")
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("size", [(3, 5, 7, 128, 128), (5, 40, 56, 128, 256), (2, 12, 9, 256, 128)], ids=str)
def test_a_convolution_of_codes(batch: int, size: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    if torch.cuda.get_device_capability()[0] != 9:
        pytest.skip("only Hopper has a kernel for it")
    assert hopper.int8_kernels(DEVICE) is not None
    torch.manual_seed(batch)
    frames, height, width, inputs, outputs = size
    conv = Int8Conv(random(outputs, inputs, 3, 3, 3), torch.full((inputs,), 3.0, device=DEVICE))
    cells = width + 2 + (frames + 2) * (height + 1) * (width + 1)
    codes = conv.code.zero.expand(batch, cells, inputs).contiguous()
    inner = codes[:, width + 2 :].view(batch, frames + 2, height + 1, width + 1, inputs)[:, :, :height, :width]
    inner.copy_(torch.randint(-128, 128, inner.shape, device=DEVICE))
    codes = codes.to(torch.int8)
    found = conv(codes, frames, height, width, torch.bfloat16)
    monkeypatch.setattr(hopper, "int8_kernels", lambda device: None)
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        expected = conv(codes, frames, height, width, torch.float32)
    assert relative(found, expected) < 3e-3


@both_kinds
@pytest.mark.parametrize("span", SPANS, ids=str)
@pytest.mark.parametrize("repeat", [True, False], ids=["copies", "zeros"])
@pytest.mark.parametrize(
    ("norm", "biased", "added", "keep"),
    [
        (None, False, False, False),
        (None, True, True, False),
        (LTX, True, False, False),
        (LTX, True, True, True),
        (WAN, True, False, False),
        (WAN, True, True, True),
        (WAN, False, True, True),
        (WAN_ALONE, True, True, True),
    ],
)
def test_norm_act_pad(
    dtype: torch.dtype,
    shape: tuple[int, ...],
    span: tuple[int, int, int, int, range],
    repeat: bool,
    norm: str | None,
    biased: bool,
    added: bool,
    keep: bool,
) -> None:
    batch, height, width, channels = shape
    lead, total, start, there, want = span
    rows = random(batch, there, height, width, channels, dtype=dtype)
    residual = random(batch, total, height, width, channels, dtype=dtype) if added else None
    clip = Clip(rows, start, total, channels, random(channels) if biased else None, residual)
    assert_padded(clip, want.start - lead, len(want) + 2, norm, repeat=repeat, keep=keep)


@both_kinds
@pytest.mark.parametrize(("stored", "extra"), [(8, 0), (0, 8), (32, 32)])
def test_channels_beyond_their_own(dtype: torch.dtype, shape: tuple[int, ...], stored: int, extra: int) -> None:
    batch, height, width, channels = shape
    rows = random(batch, 3, height, width, channels + stored, dtype=dtype)
    residual = random(batch, 3, height, width, channels, dtype=dtype)
    assert_padded(Clip(rows, 0, 3, channels, random(channels)), -2, 5, WAN, extra=extra)
    assert_padded(Clip(rows, 0, 3, channels, random(channels), residual), -2, 5, WAN, extra=extra, keep=True)


def test_three_colours_become_eight_channels() -> None:
    assert_padded(Clip(random(1, 5, 6, 7, 3, dtype=torch.bfloat16), 0, 5, 3), -2, 7, extra=5)


@both_kinds
@pytest.mark.parametrize("shuffle", [BOTH_WAYS, IN_TIME], ids=str)
@pytest.mark.parametrize(("start", "there", "want"), [(0, 5, range(9)), (1, 3, range(2, 6)), (2, 3, range(4, 9))])
def test_pixel_shuffle_in_time(
    dtype: torch.dtype, shape: tuple[int, ...], shuffle: PixelShuffle, start: int, there: int, want: range
) -> None:
    batch, height, width, channels = shape
    rows = random(batch, there, height, width, shuffle.parts * channels, dtype=dtype)
    clip = Clip(rows, start, 9, channels, random(shuffle.parts * channels), shuffle=shuffle)
    assert_padded(clip, want.start - 1, len(want) + 2, LTX, repeat=True, keep=True)
    assert_padded(clip, want.start, len(want))


@both_kinds
@pytest.mark.parametrize("shuffle", [NO_SHUFFLE, IN_TIME], ids=str)
@pytest.mark.parametrize(("norm", "keep"), [(None, False), (WAN, True)])
def test_a_first_frame_that_passes_by(
    dtype: torch.dtype, shape: tuple[int, ...], shuffle: PixelShuffle, norm: str | None, keep: bool
) -> None:
    """Frame 0 is the residual's alone, the others are the rows'."""
    batch, height, width, channels = shape
    rows = random(batch, 3, height, width, shuffle.parts * channels, dtype=dtype)
    first = random(batch, 1, height, width, channels, dtype=dtype)
    total = 1 + 3 * shuffle.time
    clip = Clip(rows, 1, total, channels, random(shuffle.parts * channels), first, shuffle=shuffle)
    assert_padded(clip, -2, total + 2, norm, keep=keep)
    assert_padded(clip, 1, total - 1, norm, keep=keep)


@both_kinds
@pytest.mark.parametrize(("norm", "extra", "keep"), [(None, 0, False), (WAN, 0, True), (WAN, 8, True)])
def test_pixel_shuffle_in_space(
    dtype: torch.dtype, shape: tuple[int, ...], norm: str | None, extra: int, keep: bool
) -> None:
    batch, height, width, channels = shape
    rows = random(batch, 4, height + 1, width + 1, 4 * channels, dtype=dtype)
    bias = random(4 * channels)
    assert_padded(Clip(rows, 2, 7, channels, bias, shuffle=IN_SPACE), 3, 3, norm, extra=extra, keep=keep)
    assert_padded(Clip(rows, 0, 4, channels, bias, shuffle=IN_SPACE), -2, 6, norm, extra=extra, keep=keep)


@pytest.mark.parametrize("norm", [LTX, WAN, WAN_ALONE])
def test_the_norm_of_nothing_is_nothing(norm: str) -> None:
    """And very short vectors grow no longer than it lets them."""
    assert_padded(Clip(random(1, 2, 3, 3, 24) * 1e-12, 0, 2, 24), -2, 4, norm)
    padded = torch.full((1, 4, 3, 3, 24), torch.nan, device=DEVICE)
    nothing = Clip(torch.zeros(1, 2, 3, 3, 24, device=DEVICE), 0, 2, 24)
    kernels.norm_act_pad(nothing, -2, padded, None, norm_of(norm, 24), repeat=False)
    assert not padded.any()


@pytest.mark.skipif(not CUDA, reason="needs a CUDA device")
def test_offsets_beyond_32_bits() -> None:
    """Frames far inside a tensor of more than 2³¹ values, as a float32 check of a large batch could have them."""
    rows = torch.empty(2, 17, 256, 256, 1024, dtype=torch.bfloat16, device=DEVICE)
    assert rows.numel() > 2**31
    rows[1, 15:] = random(2, 256, 256, 1024, dtype=torch.bfloat16)
    padded = torch.empty(2, 2, 256, 256, 1024, dtype=torch.bfloat16, device=DEVICE)
    kernels.norm_act_pad(Clip(rows, 0, 17, 1024), 15, padded, None, None, repeat=False)
    assert torch.equal(padded[1], rows[1, 15:])


@pytest.mark.parametrize("dtype", GATES, ids=str)
@pytest.mark.parametrize(("patch", "channels"), [(4, 48), (4, 64), (1, 3), (1, 8), (1, 64)])
@pytest.mark.parametrize("limit", [None, 1.0])
def test_unpatchify(dtype: torch.dtype, patch: int, channels: int, limit: float | None) -> None:
    rows, bias = random(2, 3, 5, 7, channels, dtype=dtype), random(3 * patch**2)
    found, expected = (
        unpatchify(rows, bias, patch, limit),
        plain_unpatchify(rows, bias, patch, limit),
    )
    assert relative(found, expected) < 1e-6
