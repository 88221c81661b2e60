"""How an eye turns and its lids close."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.preview.landmarks.face import Eye
from livehead.engine.preview.rig.head import Array, smooth
from livehead.engine.preview.rig.palette import patch

LASH = 0.07
"""Thickness of the upper lid's dark edge, in eye spans: it moves with the lid and is not stretched."""

TABLE = 513
"""Points at which the edges of the lids are stored."""

SOFT = 20
"""By how many of these points the edges are smoothed."""


class EyeWarp:
    """One eye of a rig. Works in the eye's own coordinates: x from corner to corner, y down, in pixels.

    ``ball_box`` is left, top, right and bottom of where the eyeball may be seen, ``box`` of where lids may, with room
    for the movements of the head."""

    def __init__(self, eye: Eye, span: float, frame: NDArray[np.uint8], glasses: bool = False) -> None:
        size = frame.shape[0]
        along = eye.corners[1] - eye.corners[0]
        self._half = float(np.hypot(*along)) / 2
        self._across = np.asarray(along / (2 * self._half), np.float32)
        self._down = np.array([-self._across[1], self._across[0]], np.float32)
        self._origin = np.asarray(eye.corners.mean(axis=0), np.float32)
        self._upper, self._lower, self._span = eye.upper, eye.lower, span
        self._upper_lid, self._lower_lid = (self._table(*eye.arch(lid)) for lid in (eye.upper_lid, eye.lower_lid))
        self._glasses = glasses
        pupil = eye.pupil - self._origin
        self._iris = eye.iris
        self._pupil = (float(pupil @ self._across), float(pupil @ self._down))
        beneath = self._origin + (eye.lower + 0.13 * span) * self._down
        self._tone = np.median(patch(frame, beneath, 0.06 * span), axis=0).astype(np.float32)
        room = float(-((eye.brow - self._origin) @ self._down)) - eye.upper
        # The lid is drawn from the skin of a fold above the eye; a frame of glasses that crosses it must not follow.
        self._fold = float(np.clip(0.45 * room, 0.06 * span, (0.07 if glasses else 0.18) * span))
        self._evenness = 0.65 if glasses else 0.45
        up, low = self._upper + 0.20 * span, self._lower + 0.20 * span
        self.ball_box = self._bounds(self._half + 0.16 * span, up, low, size)
        self.box = self._bounds(1.45 * self._half + 0.16 * span, up + self._fold, low, size)

    def _bounds(self, reach: float, up: float, low: float, size: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of what lies at most so far from the middle."""
        spots = np.array(
            [self._origin + sx * reach * self._across + y * self._down for sx in (-1, 1) for y in (-up, low)]
        )
        left, top = (int(max(0, v)) for v in np.floor(spots.min(axis=0)))
        right, bottom = (int(min(size, v)) for v in np.ceil(spots.max(axis=0)))
        return (left, top, max(right, left + 2), max(bottom, top + 2))

    def _table(self, x: Array, y: Array) -> Array:
        """y of a lid's edge for evenly spaced x, as far out as the corners, without the corners of the polygon."""
        rows = np.interp(np.linspace(-self._half, self._half, TABLE), x, y).astype(np.float32)
        ringed = np.pad(rows, 3 * SOFT, mode="reflect", reflect_type="odd")
        return np.asarray(cv2.GaussianBlur(ringed[None], (0, 0), SOFT)[0, 3 * SOFT : -3 * SOFT], np.float32)

    def _lids(self, x: Array) -> tuple[Array, Array]:
        """y of the edges of the upper and the lower lid at ``x``; 0 beyond the corners."""
        index = np.clip((x / self._half + 1) * ((TABLE - 1) / 2) + 0.5, 0, TABLE - 1).astype(np.int32)
        return self._upper_lid[index], self._lower_lid[index]

    def axes(self, places: Array) -> tuple[Array, Array]:
        """Points of the portrait ``(h, w, 2)`` in the eye's coordinates: x and y, each ``(h, w)``."""
        px, py = places[:, :, 0] - self._origin[0], places[:, :, 1] - self._origin[1]
        x = px * self._across[0] + py * self._across[1]
        y = px * self._down[0] + py * self._down[1]
        return x, y

    def turn(self, places: Array, gaze: tuple[float, float]) -> None:
        """Turn the eye by ``gaze`` pixels: shift the source points ``places`` between the lids, in place. The iris
        keeps its shape, and the white beside it is stretched or squeezed."""
        x, y = self.axes(places)
        upper, lower = self._lids(x)
        rim = 0.025 * self._span
        inside = smooth(y - upper - rim, 0.0, rim) * smooth(lower - y, -0.5 * rim, rim)
        off = np.hypot(x - self._pupil[0] - gaze[0], y - self._pupil[1] - gaze[1])
        inside = inside * smooth(off, 1.95 * self._iris, 1.05 * self._iris)
        places[:, :, 0] -= inside * (gaze[0] * self._across[0] + gaze[1] * self._down[0])
        places[:, :, 1] -= inside * (gaze[0] * self._across[1] + gaze[1] * self._down[1])

    def close(
        self, frame: NDArray[np.uint8], texture: NDArray[np.uint8], fine: int, axes: tuple[Array, Array], shut: float
    ) -> None:
        """Draw the upper lid, closed by ``shut`` (0..1), over ``frame``: the part of the new frame in the eye's box."""
        x, y = axes
        upper, lower = self._lids(x)
        # Fuller than the contours, so that the corners are covered too.
        bow = np.clip(1 - (x / (1.07 * self._half)) ** 2, 0, 1) ** 0.85
        lash = LASH * self._span * np.sqrt(bow)
        open_at = upper - 0.02 * self._span * bow + 0.4 * lash
        way = lower - upper + 0.055 * self._span * bow - 0.4 * lash
        edge = open_at + shut * way
        top = upper - self._fold * smooth(np.abs(x) / self._half, 1.45, 1.0) - 1.0
        rise = edge - y  # height above the lid's edge
        whole, skin = np.maximum(edge - top - lash, 1.0), np.maximum(open_at - top - lash, 0.5)
        part = np.clip((rise - lash) / whole, 0, 1)
        # Near the brow the skin hardly moves, so that the lid's crease stays; towards the lashes it stretches.
        late = part ** np.clip(whole / skin, 1, 6 if self._glasses else 3)
        part = late if self._glasses else 0.75 * part + 0.25 * late
        stretched = open_at - lash - part * skin
        y_from = np.where(rise < lash, open_at - rise, stretched)
        y_from = np.where(y < top, y, y_from)
        place_x = (self._origin[0] + x * self._across[0] + y_from * self._down[0]) * fine + (fine - 1) / 2
        place_y = (self._origin[1] + x * self._across[1] + y_from * self._down[1]) * fine + (fine - 1) / 2
        skin_now = cv2.remap(
            texture,
            place_x.astype(np.float32),
            place_y.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        cover = np.clip(rise + 0.5, 0, 1) * smooth(way * shut, 0.2, 1.2)
        shade = 1 - 0.10 * shut * np.exp(-((rise / (0.11 * self._span)) ** 2)) * bow
        # Stretched skin shows streaks, so it is blended with the tone of the skin below the eye.
        even = (
            smooth(bow, 0.0, 0.7)
            * smooth(rise - lash, 0.0, 0.05 * self._span)
            * smooth((y - top) / whole, 0, 0.4)
            * (self._evenness * shut)
        )
        skin_now = skin_now + (self._tone - skin_now) * even[..., None]
        mixed = frame + (skin_now * shade[..., None] - frame) * cover[..., None]
        np.copyto(frame, np.clip(mixed + 0.5, 0, 255).astype(np.uint8))
