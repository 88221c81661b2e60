"""Which of the face mesh's 468 points make up the parts of a face (MediaPipe's canonical face model). Left and right
are those of the picture; contours run from left to right."""

from __future__ import annotations

OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""Clockwise around the face, from the middle of the forehead."""

FOREHEAD, CHIN, NOSE = 10, 152, 1

OUTER_UPPER_LIP = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LOWER_LIP = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
INNER_UPPER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LOWER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)

LEFT_UPPER_LID = (33, 246, 161, 160, 159, 158, 157, 173, 133)
LEFT_LOWER_LID = (33, 7, 163, 144, 145, 153, 154, 155, 133)
RIGHT_UPPER_LID = (362, 398, 384, 385, 386, 387, 388, 466, 263)
RIGHT_LOWER_LID = (362, 382, 381, 380, 374, 373, 390, 249, 263)

LEFT_BROW = ((70, 63, 105, 66, 107), (46, 53, 52, 65, 55))
RIGHT_BROW = ((336, 296, 334, 293, 300), (285, 295, 282, 283, 276))
"""The upper edge of the brow, then its lower edge."""

PAIRS = ((234, 454), (127, 356), (93, 323), (132, 361), (33, 263), (133, 362), (61, 291), (58, 288))
"""Points of the picture's left and right that mirror each other, across the whole face."""
