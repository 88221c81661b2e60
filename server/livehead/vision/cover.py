"""Whether something is before a face: a hand, a mask, hair."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.vision.crop import Crop
from livehead.vision.face_mesh import FaceMesh
from livehead.vision.palms import detect_palms

UNSURE = 0.97
"""The mesh's score of a face that is covered in part is often under this; that of a free one is 1.00."""

INNER = 0.85
"""Share of the face's outline, seen from the chin, within which a palm is before the face, and not under the chin."""

SCALES = (1.5, 2.1)
"""Sides of the squares that are searched for palms, in heights of the face."""

PALE = 6.0
"""In CIELAB's a*: by how much lips are redder than the skin around them at least. Those of our portraits and of twenty
photographs are by 10 and more, cloth over a mouth by 4 and less."""

COLOURED = 8.0
"""Chroma of the skin from which on that says anything: there is none in a black and white picture."""

_SIZE = 64


def is_covered(rgb: NDArray[np.uint8], mesh: FaceMesh) -> bool:
    """Of the face with this mesh in a picture, uint8 ``(H, W, 3)`` RGB. Glasses and beards do not count."""
    return mesh.score < UNSURE or _has_no_lips(rgb, mesh) or _has_hand_before_it(rgb, mesh)


def _has_no_lips(rgb: NDArray[np.uint8], mesh: FaceMesh) -> bool:
    upper, _ = mesh.outer_lips
    x, y = (upper[0] + upper[-1]) / 2
    width = float(np.hypot(*(upper[-1] - upper[0])))
    seen = np.asarray(Crop(float(x), float(y), 1.2 * width, mesh.roll).cut(rgb, _SIZE), np.float32)
    lab = cv2.cvtColor(seen, cv2.COLOR_RGB2LAB)[:, 20:44].mean(axis=1)  # a column from under the nose to the chin
    redness, chroma = lab[:, 1], float(np.hypot(lab[:, 1], lab[:, 2]).mean())
    return chroma > COLOURED and float(redness[22:42].max() - np.percentile(redness, 15)) < PALE


def _has_hand_before_it(rgb: NDArray[np.uint8], mesh: FaceMesh) -> bool:
    """Where a palm is seen at one scale only, it is more likely a cheek."""
    low, high = mesh.oval.min(axis=0), mesh.oval.max(axis=0)
    x, y = (low + high) / 2
    inner = np.ascontiguousarray(mesh.chin + INNER * (mesh.oval - mesh.chin), np.float32).reshape(-1, 1, 2)
    seen = []
    for scale in SCALES:
        boxes = detect_palms(rgb, Crop(float(x), float(y), scale * float((high - low).max())))
        middles = [((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) for box in boxes]
        seen.append([middle for middle in middles if cv2.pointPolygonTest(inner, middle, False) > 0])
    reach = 0.25 * float((high - low).max())
    return any(np.hypot(a[0] - b[0], a[1] - b[1]) < reach for a in seen[0] for b in seen[1])
