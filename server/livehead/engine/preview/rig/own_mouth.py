"""What a portrait with parted lips shows between them: its own teeth, and what lies below them.

The upper teeth belong to the skull: lips move over them, and they stay. What is below them, be it the tongue, the lower
teeth or darkness, belongs to the jaw and moves with the lower lip.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.preview.animation.articulation import MouthShape
from livehead.engine.preview.rig.head import Array, smooth
from livehead.engine.preview.rig.lip_edges import places_in_table
from livehead.engine.preview.rig.mouth import MouthWarp
from livehead.engine.preview.rig.mouth_opening import MouthOpening

ACROSS = np.linspace(-0.7, 0.7, 57, dtype=np.float32)
DEPTHS = np.linspace(0.0, 1.6, 49, dtype=np.float32)
"""Where the mouth is looked at: along it, and down it in gaps between the lips. Beyond 1 is the lower lip."""

BRIGHTER = 12.0
"""By how much teeth are brighter and paler than lips, at least, where the gap is a slit: in CIELAB, as all of these."""

DARKER = 15.0
"""By how much the gap is darker than the lips where no teeth are seen in it."""

SLIT = 0.06
"""A narrower gap between the lips is a slit: in eye spans, as :data:`AJAR`."""

AJAR = 0.14
"""Lips that are further apart, and less than :data:`FILLED` of whose gap is filled by the upper teeth, are those of an
open mouth, not of a smile: at rest they are closed to about this gap."""

FILLED = 0.72


class OwnMouth:
    """The inside of the mouth as the portrait shows it. Making one tells ``mouth`` how far it is open at rest, how its
    chin rises when it closes, and whether it shows teeth."""

    def __init__(self, mouth: MouthWarp, frame: NDArray[np.uint8]) -> None:
        self._mouth = mouth
        middle = np.abs(ACROSS) <= 0.5
        deeper = _below_lip(np.median(self._look(frame)[0][:, middle], axis=1))
        if deeper > 1 and mouth.lips.gap > SLIT * mouth.span:
            mouth.lips = mouth.lips.opened(deeper)
        shades, colours = self._look(frame)
        pale = np.median(shades[:, middle], axis=1)
        lips = float(np.median(pale[DEPTHS > 1.15]))
        inside = (DEPTHS >= 0.1) & (DEPTHS <= 0.95)
        at = int(np.flatnonzero(inside)[pale[inside].argmax()])
        best = float(pale[at])
        slit = mouth.lips.gap < SLIT * mouth.span and best < lips + BRIGHTER
        dark = float(np.median(pale[inside])) < lips - DARKER and best < lips
        split = np.zeros_like(ACROSS) if slit or dark else _end_of_teeth(shades, pale, at)
        self.teeth: Array | None = None
        """The colour of the portrait's teeth, RGB in 0..255, or None where it shows none."""
        filled = float(split[middle].mean())
        mouth.shows_teeth = filled > 0
        if mouth.shows_teeth:
            self.teeth = np.asarray(np.median(colours[at - 1 : at + 2, middle].reshape(-1, 3), axis=0), np.float32)
        self._teeth_end = mouth.lips.between(ACROSS, split)
        ajar = AJAR * mouth.span
        if mouth.lips.gap > ajar and filled < FILLED:
            mouth.resting = (ajar + 0.25 * (mouth.lips.gap - ajar)) / mouth.lips.gap
            mouth.jaw_share = 0.6 * (1 - filled)

    def _look(self, frame: NDArray[np.uint8]) -> tuple[Array, Array]:
        """How pale the mouth is at each depth and place across ``(n, m)``, and its colours ``(n, m, 3)``, RGB."""
        mouth = self._mouth
        upper, lower, _ = mouth.lips.at(ACROSS)
        y = upper + DEPTHS[:, None] * (lower - upper)
        x = np.broadcast_to(ACROSS * mouth.half, y.shape)
        where = np.asarray(mouth.places((x, y)), np.float32)
        seen = np.asarray(cv2.remap(frame, where, np.empty(0, np.float32), cv2.INTER_LINEAR), np.float32)
        lab = np.asarray(cv2.cvtColor(seen / np.float32(255), cv2.COLOR_RGB2LAB), np.float32)
        pale = lab[:, :, 0] - np.hypot(lab[:, :, 1], lab[:, :, 2])
        return np.asarray(pale, np.float32), seen

    def show(self, opening: MouthOpening, shape: MouthShape) -> tuple[Array, Array]:
        """Where the opening's pixels lie in the portrait ``(h, w, 2)``, and how much of them it shows there, 0..1."""
        mouth = self._mouth
        a, y = opening.unmoved, opening.y
        upper, lower, _ = mouth.lips.at(a)
        end = self._teeth_end[places_in_table(a)]
        soft = 0.02 * mouth.span
        with_jaw = y - opening.lowered
        on_skull = np.clip((end - y) / soft + 1, 0, 1) if mouth.shows_teeth else np.zeros_like(y)
        on_jaw = np.clip((with_jaw - end) / soft + 1, 0, 1)
        shown = np.maximum(on_skull, on_jaw) * np.clip((lower - upper) / 2.0 - 0.25, 0, 1)
        if self.teeth is None:  # a slit: what is drawn takes its place as the mouth opens
            apart = opening.drop + 0.085 * mouth.span * shape.lift
            shown = shown * float(smooth(np.array([apart]), 0.06 * mouth.span, 0.0)[0])
        from_y = np.where(on_skull > 0.5, np.maximum(y, upper + 1), with_jaw)
        return np.asarray(mouth.places((a * mouth.half, from_y)), np.float32), np.asarray(shown, np.float32)


def _below_lip(pale: Array) -> float:
    """The depth at which teeth end that reach below what was found for the lower lip's edge, or 1 where they do not."""
    edge, start = int(np.searchsorted(DEPTHS, 1.05)), int(np.searchsorted(DEPTHS, 0.7))
    teeth = float(np.median(pale[start:edge]))
    if float(pale[start : edge + 1].min()) < teeth - 6:
        return 1.0
    end = int(pale[edge:].argmin()) + edge
    if teeth - float(pale[end]) < BRIGHTER:
        return 1.0
    return float(DEPTHS[edge + int(np.argmax(pale[edge:] < (teeth + float(pale[end])) / 2))])


def _end_of_teeth(shades: Array, pale: Array, at: int) -> Array:
    """The depths at which the upper teeth end ``(m,)``, given how pale the mouth is at each depth and place ``(n, m)``,
    and in its middle ``(n,)``, which is palest at the depth ``at``."""
    best = float(pale[at])
    least = int(pale[2 : at + 1].argmin()) + 2
    above = float(pale[1 : least + 1].max())
    if DEPTHS[at] > 0.5 and min(best, above) > pale[least] + BRIGHTER:  # the palest are lower teeth
        return np.full(ACROSS.shape, DEPTHS[least], np.float32)
    end = int(np.searchsorted(DEPTHS, 1.05))
    enough = best - max(6.0, 0.35 * (best - float(pale[at:end].min())))
    dull = shades[at:end] < enough
    ends = np.where(dull.any(axis=0), DEPTHS[at + dull.argmax(axis=0)], 1.0)
    ends[dull[0]] = np.nan  # no teeth there, but a corner or a gap: as beside it
    known = np.flatnonzero(~np.isnan(ends))
    ends = np.interp(np.arange(ends.size), known, ends[known]) if known.size else np.ones(ends.size)
    ringed = np.pad(ends.astype(np.float32), 8, mode="edge")
    return np.asarray(np.minimum(cv2.GaussianBlur(ringed[None], (0, 0), 2.0)[0, 8:-8], 1), np.float32)
