"""The constants of sRGB, XYZ and CIE Lab under D65 that the reference uses. Plain numbers, no torch."""

from __future__ import annotations

Matrix = tuple[tuple[float, float, float], ...]

TO_XYZ: Matrix = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
WHITE = (0.95047, 1.0, 1.08883)
KNEE = 0.008856
SLOPE = 903.3


def _inverse(m: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = m
    cofactors = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    determinant = a * cofactors[0][0] + b * cofactors[1][0] + c * cofactors[2][0]
    return tuple((x / determinant, y / determinant, z / determinant) for x, y, z in cofactors)


FROM_XYZ: Matrix = _inverse(TO_XYZ)
