"""The test pattern in a frame: which block it shows, and how loud that block was.

The bottom 16 rows are 32 cells, white for 1 and black for 0, most significant bit first:
4 sync cells 1010, 16 bits of k mod 65536, 4 bits of loudness, 8 bits of check (the xor of the two
bytes of k and the loudness). A client that plays a burst and waits until the loudness rises
measures the time from audio to frame with one clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import Pcm
from livehead.core.frame import Frame

ROWS = 16
CELLS = 32
WHITE = 235
BLACK = 16
NEUTRAL = 128
_SYNC = 0b1010
_MIN_CONTRAST = 40


@dataclass(frozen=True, slots=True)
class Reading:
    """``k`` is modulo 65536, ``loudness`` 0 … 15."""

    k: int
    loudness: int


def loudness(pcm: Pcm) -> int:
    """Loudness of a block's samples in [-1, 1]: 0 (silence, -60 dB and less) … 15 (full), 4 dB a step."""
    rms = float(np.sqrt(np.mean(np.square(pcm, dtype=np.float64)))) if len(pcm) else 0.0
    if not math.isfinite(rms):
        return 0
    return min(15, max(0, round((20 * math.log10(rms + 1e-9) + 60) / 4)))


def draw(frame: Frame, k: int, loudness: int) -> Frame:
    """A copy of ``frame`` with the pattern in its bottom 16 rows.

    The frame must be at least 32 wide and 16 high; ``loudness`` is 0 … 15. Raises ``ValueError``.
    """
    width, height = frame.width, frame.height
    if width < CELLS or height < ROWS:
        raise ValueError(f"a frame of {width}x{height} is too small for the test pattern, it needs {CELLS}x{ROWS}")
    if not 0 <= loudness <= 15:
        raise ValueError(f"loudness is 0 to 15, got {loudness}")
    k %= 1 << 16
    word = _SYNC << 28 | k << 12 | loudness << 8 | _check(k, loudness)
    bits = [word >> (CELLS - 1 - i) & 1 for i in range(CELLS)]
    row = np.repeat(np.where(bits, WHITE, BLACK).astype(np.uint8), np.diff(_edges(width)))
    i420 = frame.i420.copy()
    i420[height - ROWS : height] = row
    chroma = i420[height:].reshape(2, height // 2, width // 2)
    chroma[:, height // 2 - ROWS // 2 :] = NEUTRAL
    return Frame(i420)


def read(luma: NDArray[np.uint8]) -> Reading | None:
    """The pattern in a luma plane, uint8 ``(height, width)``, or None where there is none that checks.

    Only the middle of each cell is looked at, and black and white are told apart half-way between
    the sync cells, so that blur, noise and a changed range of levels do no harm.
    """
    if luma.ndim != 2 or luma.shape[0] < ROWS or luma.shape[1] < CELLS:
        return None
    height, width = luma.shape
    edges = _edges(width)
    band = luma[height - ROWS + 4 : height - 4].astype(np.float64).mean(axis=0)
    levels = []
    for left, right in pairwise(edges):
        margin = (right - left) // 4
        levels.append(float(band[left + margin : right - margin].mean()))
    high = (levels[0] + levels[2]) / 2
    low = (levels[1] + levels[3]) / 2
    if high - low < _MIN_CONTRAST:
        return None
    word = 0
    for level in levels:
        word = word << 1 | (level > (high + low) / 2)
    k, level4, check = word >> 12 & 0xFFFF, word >> 8 & 0xF, word & 0xFF
    if word >> 28 != _SYNC or check != _check(k, level4):
        return None
    return Reading(k, level4)


def _check(k: int, loudness: int) -> int:
    return (k >> 8) ^ (k & 0xFF) ^ loudness


def _edges(width: int) -> list[int]:
    """Borders of the cells; a width that 32 does not divide gives cells of two widths."""
    return [(2 * i * width + CELLS) // (2 * CELLS) for i in range(CELLS + 1)]
