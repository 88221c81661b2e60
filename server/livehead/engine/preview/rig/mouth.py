"""The lips and the jaw: how the mouth of a still portrait opens without losing its texture.

Everything is in the mouth's own coordinates: x along the line from corner to corner, y down the face, both in pixels of
the square; the origin is half way between the corners, and ``a = x / half`` is -1 and 1 at the corners. The maps are
backward (from a point of the new frame to its source in the portrait) and exact at the lips' inner edges, so that lips
and opening meet to the pixel.

A portrait may show parted lips, as in a smile. Then the lips move from where they are, to their meeting line or further
apart, over what is seen between them: see :mod:`livehead.engine.preview.rig.own_mouth`.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.preview.animation.articulation import MouthShape
from livehead.engine.preview.landmarks.face import Face
from livehead.engine.preview.rig.head import Array, smooth
from livehead.engine.preview.rig.lip_edges import LipEdges, table
from livehead.engine.preview.rig.mouth_opening import MouthOpening, open_between

DROP = 0.25
"""How far the lower lip moves down when the jaw is fully dropped, in eye spans."""

LIFT = 0.085
"""How far the upper lip moves up at most, in eye spans."""

INNER = 0.88
"""Where the opening ends, as a share of the distance to the corners."""

UNDER = 0.022
"""Half the thickness of the dark line between closed lips, in eye spans."""

CLOSE = 1.4
"""How fast parted lips close as they are pressed: they touch well before the firmest press."""

COARSE = 4
"""Step of the coarse grid, in pixels; the square's size is a multiple of it."""


class MouthWarp:
    """The mouth of a rig."""

    def __init__(self, face: Face, size: int) -> None:
        self.span = face.span
        along = face.mouth.line[-1] - face.mouth.line[0]
        self.half = float(np.hypot(*along)) / 2
        self.across = np.asarray(along / (2 * self.half), np.float32)
        self.down = np.array([-self.across[1], self.across[0]], np.float32)
        self.origin = face.mouth.centre
        self.lower_lip = face.mouth.lower
        self.upper_lip = face.mouth.upper
        self.lips = LipEdges(
            self._table(face.mouth.upper_edge),
            self._table(face.mouth.lower_edge),
            middle=float(np.clip((face.mouth.middle - self.origin) @ self.across / self.half, -0.4, 0.4)),
        )
        self.resting = 1.0
        """How much of the portrait's gap between the lips is kept at rest, 0..1."""
        self.shows_teeth = False
        """Whether the portrait shows upper teeth in the gap between its lips."""
        self.jaw_share = 0.0
        """How far the chin rises when parted lips close, as a share of their gap."""
        self.chin = max(0.45 * self.span, float((face.chin - self.origin) @ self.down))
        self.box = self._bounds(size)

    def _bounds(self, size: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of everything that the mouth moves, with room for the movements of the head."""
        reach_x = 3.4 * self.half
        spots = np.array(
            [
                self.origin + sx * reach_x * self.across + y * self.down
                for sx in (-1, 1)
                for y in (-0.75 * self.span, self.chin + 0.95 * self.span)
            ]
        )
        left, top = (int(max(0, v) // COARSE) * COARSE for v in spots.min(axis=0))
        right, bottom = (int(-(-min(size, v) // COARSE)) * COARSE for v in spots.max(axis=0))
        return left, top, right, bottom

    def _table(self, edge: Array) -> Array:
        """y of a lip's edge in the mouth's coordinates, for evenly spaced ``a``."""
        from_origin = edge - self.origin
        return table(from_origin @ self.across / self.half, from_origin @ self.down)

    def kept(self, shape: MouthShape) -> float:
        """How much of the portrait's own gap between the lips remains, 0..1."""
        return self.resting * shape.keep * max(0.0, 1 - CLOSE * shape.press)

    def rests(self, shape: MouthShape) -> bool:
        """Whether the shape is the portrait's own mouth."""
        kept = self.kept(shape) if self.lips.gap else 1.0
        return shape.jaw == shape.lift == shape.press == 0 and abs(shape.wide) < 1e-3 and kept > 0.999

    def warp(self, places: Array, shape: MouthShape) -> MouthOpening | None:
        """Apply the shape to the source points ``places``, float32 ``(h, w, 2)``, of the mouth's box, in place. Returns
        the opening between the lips, or None if they are closed or as in the portrait.

        The wide, smooth movements of jaw and cheeks are computed on a coarse grid, and each pixel for itself only
        around the lips, where upper and lower part."""
        if self.rests(shape):
            return None
        kept = self.kept(shape) if self.lips.gap else 1.0
        height, width = places.shape[:2]
        small = (width // COARSE, height // COARSE)
        coarse = np.asarray(cv2.resize(places, small, interpolation=cv2.INTER_AREA), np.float32)
        x, y = self._axes(coarse)
        drop = DROP * self.span * shape.jaw
        lips = (np.abs(x) < 1.3 * self.half) & (y > self.lips.top - 0.20 * self.span)
        lips &= y < self.lips.bottom + drop + 0.14 * self.span
        fine = _extent(lips, COARSE)
        near = places[fine].copy()
        moved, _ = self._move(x, y, shape, kept)
        shift = cv2.resize((self.places(moved) - coarse).astype(np.float32), (width, height))
        places += shift
        x, y = self._axes(near)
        moved, edges = self._move(x, y, shape, kept)
        places[fine] = self.places(moved)
        return open_between(edges, x / self.half, drop, fine)

    def _axes(self, places: Array) -> tuple[Array, Array]:
        px, py = places[:, :, 0] - self.origin[0], places[:, :, 1] - self.origin[1]
        return px * self.across[0] + py * self.across[1], px * self.down[0] + py * self.down[1]

    def places(self, moved: tuple[Array, Array]) -> Array:
        """Points of the portrait, float32 ``(..., 2)``, for x and y of the mouth's own coordinates."""
        x, y = moved
        return np.stack(
            [
                self.origin[0] + x * self.across[0] + y * self.down[0],
                self.origin[1] + x * self.across[1] + y * self.down[1],
            ],
            axis=-1,
        )

    def _move(
        self, x: Array, y: Array, shape: MouthShape, kept: float
    ) -> tuple[tuple[Array, Array], tuple[Array, ...]]:
        """The source points of ``x`` and ``y``, and ``a``, ``y`` and the edges of the opening there."""
        drop, lift = DROP * self.span * shape.jaw, LIFT * self.span * shape.lift
        round_, wide = max(0.0, -shape.wide), max(0.0, shape.wide)
        a = x / self.half
        near = np.exp(-((a / 1.3) ** 4)) * smooth(np.abs(y - 0.3 * drop), 0.58 * self.span, 0.12 * self.span)
        a = a * (1 + (0.40 * round_ - 0.15 * wide + 0.10 * shape.jaw * (1 - round_)) * near)
        beyond = np.abs(a)
        q = self.lips.below_nose(a)
        bow = np.clip(1 - (q / (INNER * (1 - 0.22 * round_))) ** 2, 0, 1)
        own_upper, own_lower, meet = self.lips.at(a)
        sink = 0.24 * drop * (1 - bow) * smooth(beyond, 2.4, 0.9)
        drop_here = drop * bow ** (1.0 - 0.25 * shape.jaw - 0.15 * round_)
        lower, upper = own_lower, own_upper
        if kept < 1:
            lower, upper = meet + kept * (own_lower - meet), meet - kept * (meet - own_upper)
        lower = lower + (drop_here + sink)
        upper = upper + sink - (lift + 0.22 * round_ * drop) * bow * (1 - 0.25 * bow) * 1.33
        if self.shows_teeth:
            upper = np.maximum(upper, own_upper)  # what is above the teeth that are seen is not known
        is_lower = y > (upper + lower) / 2
        # Below: the lip moves with the edge of the opening, the chin with the jaw, and the neck stays.
        t = np.maximum(y - lower, 0)
        wait = 0.16 + 0.36 * smooth(beyond, 0.25, 1.1)  # towards the corners the skin gives way over a longer stretch
        closed = (1 - kept) * self.lips.gap
        to_chin = smooth(t / (1.3 * self.lower_lip + wait * self.span + 1.2 * closed), 0.12, 1.0)
        jaw = (0.86 * drop - self.jaw_share * closed) * np.exp(-((beyond / 2.35) ** 4))
        fade = smooth(y, self.chin + drop + 0.62 * self.span, self.chin + 0.5 * drop - 0.04 * self.span)
        lowered = lower - own_lower
        move = (lowered * (1 - to_chin) + jaw * to_chin) * fade
        swell = 0.30 * round_ - 0.34 * shape.press
        at_lips = np.exp(-((beyond / 1.1) ** 4)) * (swell / (1 + swell))
        move = move + t * at_lips * np.exp(-((t / (1.5 * self.lower_lip)) ** 2))
        # Above: the lip is lifted off the teeth, and the nose stays.
        s = np.maximum(upper - y, 0)
        rise = (upper - own_upper) * smooth(s, 0.50 * self.span, 0.06 * self.span)
        rise = rise - s * at_lips * np.exp(-((s / (1.5 * self.upper_lip)) ** 2))
        # The dark line between closed lips belongs to the upper one: when they part, the lower lip begins below it.
        if self.lips.gap == 0:
            parted = np.clip((lower - upper) / (0.05 * self.span), 0, 1)
            move = move - UNDER * self.span * parted * np.exp(-((t / self.lower_lip) ** 2))
        return (a * self.half, y - np.where(is_lower, move, rise)), (a, y, upper, lower, lowered)


def _extent(wanted: NDArray[np.bool_], step: int) -> tuple[slice, slice]:
    """The rows and columns around everything wanted, in pixels of a grid ``step`` times finer."""
    rows, columns = np.nonzero(wanted.any(axis=1))[0], np.nonzero(wanted.any(axis=0))[0]
    return slice(rows[0] * step, (rows[-1] + 1) * step), slice(columns[0] * step, (columns[-1] + 1) * step)
