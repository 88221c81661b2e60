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
from livehead.engine.preview.rig.mouth import MouthOpening, MouthWarp

ACROSS = np.linspace(-0.5, 0.5, 41, dtype=np.float32)
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
        pale, colours = self._look(frame)
        lips = float(np.median(pale[DEPTHS > 1.15]))
        inside = (DEPTHS >= 0.1) & (DEPTHS <= 0.95)
        at = int(np.flatnonzero(inside)[pale[inside].argmax()])
        best = float(pale[at])
        slit = mouth.gap < SLIT * mouth.span and best < lips + BRIGHTER
        dark = float(np.median(pale[inside])) < lips - DARKER and best < lips
        self._split = 0.0 if slit or dark else _end_of_teeth(pale, at)
        self.teeth: Array | None = None
        """The colour of the portrait's teeth, RGB in 0..255, or None where it shows none."""
        mouth.shows_teeth = self._split > 0
        if mouth.shows_teeth:
            self.teeth = np.asarray(np.median(colours[at - 1 : at + 2].reshape(-1, 3), axis=0), np.float32)
        ajar = AJAR * mouth.span
        if mouth.gap > ajar and self._split < FILLED:
            mouth.resting = (ajar + 0.25 * (mouth.gap - ajar)) / mouth.gap
            mouth.jaw_share = 0.6 * (1 - self._split)

    def _look(self, frame: NDArray[np.uint8]) -> tuple[Array, Array]:
        """How pale the mouth is at each depth ``(n,)``, and its colours ``(n, m, 3)``, RGB."""
        mouth = self._mouth
        upper, lower = mouth.upper_edge(ACROSS), mouth.lower_edge(ACROSS)
        y = upper + DEPTHS[:, None] * (lower - upper)
        x = np.broadcast_to(ACROSS * mouth.half, y.shape)
        where = np.asarray(mouth.places((x, y)), np.float32)
        seen = np.asarray(cv2.remap(frame, where, np.empty(0, np.float32), cv2.INTER_LINEAR), np.float32)
        lab = np.asarray(cv2.cvtColor(seen / np.float32(255), cv2.COLOR_RGB2LAB), np.float32)
        pale = lab[:, :, 0] - np.hypot(lab[:, :, 1], lab[:, :, 2])
        return np.asarray(np.median(pale, axis=1), np.float32), seen

    def show(self, opening: MouthOpening, shape: MouthShape) -> tuple[Array, Array]:
        """Where the opening's pixels lie in the portrait ``(h, w, 2)``, and how much of them it shows there, 0..1."""
        mouth = self._mouth
        a, y = opening.unmoved, opening.y
        upper, lower = mouth.upper_edge(a), mouth.lower_edge(a)
        split = upper + self._split * (lower - upper)
        soft = 0.02 * mouth.span
        with_jaw = y - opening.lowered
        on_skull = np.clip((split - y) / soft + 1, 0, 1) if self._split else np.zeros_like(y)
        on_jaw = np.clip((with_jaw - split) / soft + 1, 0, 1) * np.clip((lower - upper) / 2.0 - 0.25, 0, 1)
        shown = np.maximum(on_skull * np.clip((lower - upper) / 2.0 - 0.25, 0, 1), on_jaw)
        if self.teeth is None:  # a slit: what is drawn takes its place as the mouth opens
            apart = opening.drop + 0.085 * mouth.span * shape.lift
            shown = shown * float(smooth(np.array([apart]), 0.06 * mouth.span, 0.0)[0])
        from_y = np.where(on_skull > 0.5, np.maximum(y, upper + 1), with_jaw)
        return np.asarray(mouth.places((a * mouth.half, from_y)), np.float32), np.asarray(shown, np.float32)


def _end_of_teeth(pale: Array, at: int) -> float:
    """The depth at which the upper teeth end, given how pale the mouth is at each depth and where it is palest."""
    best = float(pale[at])
    least = int(pale[2 : at + 1].argmin()) + 2
    above = float(pale[1 : least + 1].max())
    if DEPTHS[at] > 0.5 and min(best, above) > pale[least] + BRIGHTER:  # the palest are lower teeth
        return float(DEPTHS[least])
    below = pale[at : int(np.searchsorted(DEPTHS, 1.05))]
    dull = np.flatnonzero(below < best - max(6.0, 0.35 * (best - float(below.min()))))
    return float(min(1.0, DEPTHS[at + int(dull[0])])) if dull.size else 1.0
