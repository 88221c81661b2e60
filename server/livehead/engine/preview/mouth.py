"""The lips and the jaw: how a drawn mouth opens without losing its texture.

All in the mouth's own frame: x along the line from corner to corner, y down the face, both in
pixels of the square, origin half way between the corners; ``a = x / half`` is -1 and 1 at the
corners. The maps are backward (from the place in the new picture to the place in the portrait),
exact at the lips' inner edges, so that lips and opening fit to the pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from livehead.engine.preview.articulation import Mouthing
from livehead.engine.preview.face import Face
from livehead.engine.preview.rig import Array, smooth

DROP = 0.27
"""The lower lip's way down at a fully dropped jaw, in eye spans."""

LIFT = 0.085
"""The upper lip's way up, in eye spans."""

INNER = 0.88
"""Where the opening ends, as a share of the way to the corners."""


TABLE = 1025
"""Points the lip line is kept at."""


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """What shows between the lips in one picture, on the mouth's box. ``x`` and ``y`` are mouth
    frame places as they lay in the portrait's width (a narrowed mouth narrows what is in it),
    ``upper`` and ``lower`` the lips' inner edges there, ``cover`` 0..1 how much of the pixel is open;
    ``drop`` is the jaw's way down in pixels; ``rows`` and ``columns`` bound what is open."""

    a: Array
    y: Array
    upper: Array
    lower: Array
    cover: Array
    drop: float
    rows: slice
    columns: slice


class Lips:
    """The moving mouth of one portrait."""

    def __init__(self, face: Face, size: int) -> None:
        self.span = face.span
        along = face.mouth.line[-1] - face.mouth.line[0]
        self.half = float(np.hypot(*along)) / 2
        self.across = np.asarray(along / (2 * self.half), np.float32)
        self.down = np.array([-self.across[1], self.across[0]], np.float32)
        self.origin = face.mouth.centre
        self.lower_lip = face.mouth.lower
        self.upper_lip = face.mouth.upper
        line = face.mouth.line - self.origin
        a, y = line @ self.across / self.half, line @ self.down
        self._line = np.interp(np.linspace(-1, 1, TABLE), a, y).astype(np.float32)
        self.teeth = face.mouth.teeth
        self.chin = max(0.45 * self.span, float((face.chin - self.origin) @ self.down))
        self.box = self._bounds(size)

    def _bounds(self, size: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of all that the mouth moves, with room for the head's own."""
        reach_x = 2.9 * self.half
        spots = np.array(
            [
                self.origin + sx * reach_x * self.across + y * self.down
                for sx in (-1, 1)
                for y in (-0.75 * self.span, self.chin + 0.95 * self.span)
            ]
        )
        left, top = (int(max(0, v)) for v in np.floor(spots.min(axis=0)))
        right, bottom = (int(min(size, v)) for v in np.ceil(spots.max(axis=0)))
        return left, top, right, bottom

    def line(self, a: Array) -> Array:
        """The portrait's lip line, level beyond the corners."""
        index = np.clip((a + 1) * ((TABLE - 1) / 2) + 0.5, 0, TABLE - 1).astype(np.int32)
        return np.asarray(self._line[index], np.float32)

    def bend(self, places: Array, shape: Mouthing) -> Opening | None:
        """Move ``places`` (float32 ``(h, w, 2)``, the mouth's box, in place) as the mouth moves."""
        px, py = places[:, :, 0] - self.origin[0], places[:, :, 1] - self.origin[1]
        x = px * self.across[0] + py * self.across[1]
        y = px * self.down[0] + py * self.down[1]
        drop, lift = DROP * self.span * shape.jaw, LIFT * self.span * shape.lift
        round_, wide = max(0.0, -shape.wide), max(0.0, shape.wide)
        a = x / self.half
        near = np.exp(-((a / 1.65) ** 2)) * smooth(np.abs(y - 0.3 * drop), 0.58 * self.span, 0.12 * self.span)
        a = a * (1 + (0.42 * round_ - 0.13 * wide + 0.10 * shape.jaw * (1 - round_)) * near)
        beyond = np.abs(a)
        bow = np.clip(1 - (a / INNER) ** 2, 0, 1)
        line = self.line(a)
        sink = 0.24 * drop * (1 - bow) * smooth(beyond, 2.4, 0.9)
        drop_here = drop * bow ** (1.0 - 0.25 * shape.jaw - 0.15 * round_)
        lower = line + drop_here + sink
        upper = line - (lift + 0.30 * round_ * drop) * bow * (1 - 0.25 * bow) * 1.33 + sink
        below = y - lower
        above = upper - y
        is_lower = y > (upper + lower) / 2
        # Below: the lip goes with the opening's edge, the chin with the jaw, the neck stays.
        t = np.maximum(below, 0)
        wait = 0.16 + 0.36 * smooth(beyond, 0.25, 1.1)  # towards the corners the skin gives way over a longer stretch
        to_chin = smooth(t / (1.3 * self.lower_lip + wait * self.span), 0.12, 1.0)
        jaw = 0.86 * drop * np.exp(-((beyond / 1.95) ** 4))
        fade = smooth(y, self.chin + drop + 0.62 * self.span, self.chin + 0.5 * drop - 0.04 * self.span)
        move = ((drop_here + sink) * (1 - to_chin) + jaw * to_chin) * fade
        swell = 0.30 * round_ - 0.34 * shape.press
        lips_only = np.exp(-((t / (1.5 * self.lower_lip)) ** 2)) * np.exp(-((beyond / 1.1) ** 4))
        move = move + swell / (1 + swell) * t * lips_only
        # Above: the lip is lifted off the teeth and the nose stays.
        s = np.maximum(above, 0)
        hold = smooth(s, 0.50 * self.span, 0.06 * self.span)
        lips_up = np.exp(-((s / (1.5 * self.upper_lip)) ** 2)) * np.exp(-((beyond / 1.1) ** 4))
        rise = (upper - line) * hold - swell / (1 + swell) * s * lips_up
        y_from = y - np.where(is_lower, move, rise)
        x_from = a * self.half
        places[:, :, 0] = self.origin[0] + x_from * self.across[0] + y_from * self.down[0]
        places[:, :, 1] = self.origin[1] + x_from * self.across[1] + y_from * self.down[1]
        return self._opening(a, y, upper, lower, drop)

    def _opening(self, a: Array, y: Array, upper: Array, lower: Array, drop: float) -> Opening | None:
        height = lower - upper
        cover = np.clip(np.minimum(y - upper, lower - y) + 0.5, 0, 1) * np.clip(height / 2.0 - 0.25, 0, 1)
        rows, columns = np.nonzero(cover.any(axis=1))[0], np.nonzero(cover.any(axis=0))[0]
        if rows.size == 0:
            return None
        r, c = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
        return Opening(a[r, c], y[r, c], upper[r, c], lower[r, c], cover[r, c], drop, r, c)
