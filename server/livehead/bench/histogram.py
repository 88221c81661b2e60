"""A histogram as an image file, SVG or PNG. Needs matplotlib (the ``bench`` extra), so import it only to draw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from livehead.core.latency import percentiles
from livehead.errors import LiveheadError

WIDTH, HEIGHT, DPI = 800, 360, 100
BINS = 40
BAR, LINE = "#4a7fb5", "#c8553d"


def draw(values: Sequence[float], path: Path, *, title: str) -> None:
    """Write the histogram of ``values`` with its percentiles to ``path``, whose ending names the format.

    Raises LiveheadError where the file cannot be written.
    """
    ranked = percentiles(values)
    figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.hist(values, bins=BINS, color=BAR, rwidth=0.95)
    axes.set_title(f"{title} ({len(values)} frames)", parse_math=False, pad=24)
    for name, value, row in (("p50", ranked.p50, 0), ("p95", ranked.p95, 1), ("p99", ranked.p99, 0)):
        axes.axvline(value, color=LINE, linewidth=1)
        axes.annotate(
            f"{name} {value:.0f}",
            (value, 1),
            xycoords=axes.get_xaxis_transform(),
            xytext=(0, 2 + 10 * row),
            textcoords="offset points",
            ha="center",
            fontsize=9,
        )
    try:
        with matplotlib.rc_context({"svg.fonttype": "none"}):  # text stays text
            figure.savefig(path)
    except OSError as error:
        raise LiveheadError(f"{path} cannot be written: {error.strerror or error}.") from None
