"""The colour match, and the bytes that leave the device."""

from __future__ import annotations

import pytest
import torch

from livehead.engine.flashhead.colour import match as colour
from livehead.engine.flashhead.colour import pixels


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    torch.manual_seed(0)


def test_lab_of_known_colours() -> None:
    # sRGB red, green, blue and white under D65.
    rgb = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])[:, :, None, None]
    lab = [[53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86], [100, 0, 0]]
    assert torch.allclose(colour.to_lab(rgb)[..., 0, 0], torch.tensor(lab), atol=0.03)


def test_colour_round_trip_and_match() -> None:
    frame = torch.rand(3, 48, 40)
    assert (colour.to_rgb(colour.to_lab(frame)) - frame).abs().max() < 2e-5
    statistics = colour.colour_statistics(frame * 2 - 1)
    assert (colour.match(frame * 2 - 1, statistics) - frame).abs().max() < 1e-4
    other = torch.rand(2, 3, 48, 40) * 0.3 - 0.4
    matched = colour.to_lab(colour.match(other, statistics))
    assert torch.allclose(matched.mean(dim=(-2, -1)), statistics.mean[:, 0, 0].expand(2, 3), atol=3)
    flat = colour.match(torch.full((3, 8, 8), 0.25), statistics)
    assert flat.isfinite().all()


def test_colour_match_survives_values_outside_the_gamut() -> None:
    statistics = colour.colour_statistics(torch.rand(3, 16, 16) * 2 - 1)
    matched = colour.match(torch.randn(2, 3, 16, 16) * 3, statistics)
    assert matched.isfinite().all()
    assert matched.min() >= 0
    assert matched.max() <= 1


def test_i420_is_bt601_limited_range() -> None:
    colours = {
        (1.0, 1, 1): (235, 128, 128),
        (0, 0, 0): (16, 128, 128),
        (1, 0, 0): (81, 90, 240),
        (0, 0, 1): (41, 240, 110),
    }
    for rgb, (y, u, v) in colours.items():
        planes = pixels.to_i420(torch.tensor(rgb, dtype=torch.float32)[:, None, None].expand(3, 16, 32))
        assert planes.shape == (24, 32)
        flat = planes.flatten().tolist()
        assert flat == [y] * 512 + [u] * 128 + [v] * 128
    frame = torch.rand(2, 3, 16, 32)
    assert torch.equal(pixels.to_rgb24(frame), (frame * 255).byte().movedim(1, -1))
