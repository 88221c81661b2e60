"""A histogram as a frame: SVG or PNG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from livehead.core.latency import percentiles
from livehead.errors import LiveheadError

WIDTH, HEIGHT = 800, 360
LEFT, RIGHT, TOP, BOTTOM = 50, 20, 50, 40
BINS = 40
BAR, LINE, INK = "#4a7fb5", "#c8553d", "#222222"


@dataclass(frozen=True, slots=True)
class _Box:
    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True, slots=True)
class _Text:
    x: float
    y: float
    text: str
    size: int = 12
    middle: bool = True


def kinds() -> tuple[str, ...]:
    """Endings of file names that can be drawn."""
    return (".png", ".svg")


def draw(values: Sequence[float], path: Path, *, title: str) -> None:
    """Write the histogram of ``values`` with its percentiles. Raises LiveheadError where it cannot be written."""
    shapes = _shapes(values, title)
    try:
        if path.suffix.lower() == ".svg":
            path.write_text(_svg(shapes), encoding="utf-8")
        else:
            _image(shapes).save(path, format="PNG")
    except OSError as error:
        raise LiveheadError(f"{path} cannot be written: {error.strerror or error}.") from None


def _shapes(values: Sequence[float], title: str) -> list[_Box | _Text]:
    ranked = percentiles(values)
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    high = max(high, low + 1)
    counts, edges = np.histogram(values, BINS, (low, high))
    wide, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    base = HEIGHT - BOTTOM

    def across(value: float) -> float:
        return LEFT + wide * (value - low) / (high - low)

    shapes: list[_Box | _Text] = [_Text(WIDTH / 2, 20, f"{title} ({len(values)} frames)", 15)]
    for count, begin in zip(counts.tolist(), edges.tolist(), strict=False):
        height = tall * count / max(1, counts.max())
        shapes.append(_Box(across(begin), base - height, wide / BINS - 1, height, BAR))
    shapes.append(_Box(LEFT, base, wide, 1, INK))
    for value in np.linspace(low, high, 6).tolist():
        shapes.append(_Text(across(value), base + 18, f"{value:.0f}"))
    for name, value, row in (("p50", ranked.p50, 0), ("p95", ranked.p95, 1), ("p99", ranked.p99, 0)):
        shapes.append(_Box(across(value), TOP, 1, tall, LINE))
        shapes.append(_Text(across(value), TOP - 4 - 12 * row, f"{name} {value:.0f}"))
    shapes.append(_Text(LEFT - 6, TOP + 4, str(int(counts.max())), middle=False))
    return shapes


def _svg(shapes: Sequence[_Box | _Text]) -> str:
    rows = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for shape in shapes:
        if isinstance(shape, _Box):
            rows.append(
                f'<rect x="{shape.x:.1f}" y="{shape.y:.1f}" width="{shape.width:.1f}" height="{shape.height:.1f}" '
                f'fill="{shape.colour}"/>'
            )
        else:
            anchor = "middle" if shape.middle else "end"
            rows.append(
                f'<text x="{shape.x:.1f}" y="{shape.y:.1f}" font-family="sans-serif" font-size="{shape.size}" '
                f'fill="{INK}" text-anchor="{anchor}">{escape(shape.text)}</text>'
            )
    return "\n".join([*rows, "</svg>", ""])


def _image(shapes: Sequence[_Box | _Text]) -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    brush = ImageDraw.Draw(image)
    for shape in shapes:
        if isinstance(shape, _Box):
            if shape.height >= 0.5:
                corner = (shape.x + max(0.0, shape.width - 1), shape.y + max(0.0, shape.height - 1))
                brush.rectangle(((shape.x, shape.y), corner), fill=shape.colour)
        else:
            font = ImageFont.load_default(shape.size)
            brush.text((shape.x, shape.y), shape.text, INK, font, anchor="ms" if shape.middle else "rs")
    return image
