"""The histogram as an image file."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from livehead.bench.histogram import draw
from livehead.errors import LiveheadError

VALUES = np.random.default_rng(1).normal(90, 8, 500).tolist()


def test_svg_names_the_percentiles(tmp_path: Path) -> None:
    draw(VALUES, tmp_path / "h.svg", title="a < b, $5")
    root = ElementTree.parse(tmp_path / "h.svg").getroot()
    text = " ".join(root.itertext())
    assert "a < b, $5 (500 frames)" in text
    assert all(name in text for name in ("p50 90", "p95", "p99"))


@pytest.mark.parametrize("values", [VALUES, [50.0], []])
def test_png_is_an_image(values: list[float], tmp_path: Path) -> None:
    draw(values, tmp_path / "h.png", title="latency")
    with Image.open(tmp_path / "h.png") as image:
        assert image.size == (800, 360)
        assert len(image.getcolors(100_000) or ()) > 2


def test_a_folder_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(LiveheadError, match="cannot be written"):
        draw(VALUES, tmp_path / "none" / "h.svg", title="latency")
