"""Which moment of the microphone a block shows, found from the loudness in the frames' test patterns alone.

Block k holds 40 ms of audio, so the loudness in its frame must be that of 40 ms of what was sent. The shift that fits
best over a few seconds is the answer, to about a millisecond: a burst that begins 2 ms before the end of a block
already makes it louder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import BLOCK_MS
from livehead.errors import LiveheadError

SEARCH_MS = 4000
"""Block 0 begins a little before the first sample sent, by the codec's look-ahead, or after it if the first packets
were lost. After a long pause of the client or the network the server's timeline is ahead: later blocks show audio from
seconds before their number says."""

NEAR_MS = 60
SPAN = 125
"""Blocks that are fitted together: 5 s of them."""

WORTH = 0.3
"""How much better, in steps of loudness, a far shift must fit than one near that of the span before."""

FLOOR = 6.0
"""Loudness below -36 dB counts as silence: codecs smear each onset a little."""

LOUD = 8
ENOUGH = 20
GOOD = 0.85
"""Other audio, aligned as well as possible, reaches 0.75."""


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """``agreement``: of the blocks that were loud or look loud, the share of those that are both."""

    starts: NDArray[np.int64]
    shifts: NDArray[np.float64]
    agreement: float

    def heard_ms(self, k: int) -> float:
        """When the microphone played the first sample of block ``k``, in milliseconds since its own first sample."""
        place = max(0, int(np.searchsorted(self.starts, k, "right")) - 1)
        return k * BLOCK_MS + float(self.shifts[place])


def align(power: NDArray[np.float64], blocks: Sequence[tuple[int, int]]) -> Alignment:
    """``power`` is the mean square of each millisecond that was sent; ``blocks`` are k, unwrapped and rising, with the
    loudness read. Raises LiveheadError if they do not fit: the frames show other audio."""
    if len(blocks) < ENOUGH:
        raise LiveheadError(f"only {len(blocks)} frames with a readable test pattern arrived")
    total = np.concatenate([[0.0], np.cumsum(power)])
    k = np.array([block for block, _ in blocks], np.int64)
    read = np.array([level for _, level in blocks], np.float64)
    everywhere = np.arange(-SEARCH_MS, SEARCH_MS, dtype=np.float64)
    shift, _ = _best(total, k, read, everywhere)
    starts, shifts, both, either = [], [], 0, 0
    first = 0
    while first < len(k):
        # the remainder is too short to be fitted alone
        last = len(k) if len(k) - first < 2 * SPAN else first + SPAN
        part, levels = k[first:last], read[first:last]
        if levels.max() - levels.min() >= 4:
            near, cost = _best(total, part, levels, shift + np.arange(-NEAR_MS, NEAR_MS + 1, dtype=np.float64))
            far, better = _best(total, part, levels, everywhere)
            shift = far if better < cost - WORTH else near
            shift, _ = _best(total, part, levels, shift + np.arange(-2.0, 2.01, 0.25))
        starts.append(int(part[0]))
        shifts.append(shift)
        should, does = _predict(total, part, np.array([shift]))[0] >= LOUD, levels >= LOUD
        both += int(np.sum(should & does))
        either += int(np.sum(should | does))
        first = last
    agreement = both / either if either else 0.0
    if agreement < GOOD:
        raise LiveheadError(
            f"the loudness in the frames fits only {agreement:.0%} of the audio: "
            "they show other audio, or too much of it was lost"
        )
    return Alignment(np.array(starts), np.array(shifts), agreement)


def _best(
    total: NDArray[np.float64], k: NDArray[np.int64], read: NDArray[np.float64], shifts: NDArray[np.float64]
) -> tuple[float, float]:
    """The middle of the shifts that fit best, and their mean error in steps of loudness."""
    costs = np.concatenate(
        [
            np.mean(np.abs(_predict(total, k, some) - np.maximum(read, FLOOR)), axis=1)
            for some in np.array_split(shifts, 1 + len(shifts) * len(k) // 500_000)
        ]
    )
    least = costs.min()
    near = shifts[costs <= least + 0.25 / len(k)]
    return float(np.median(near[np.abs(near - shifts[int(costs.argmin())]) <= 5])), float(least)


def _predict(total: NDArray[np.float64], k: NDArray[np.int64], shifts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Loudness of the blocks for every shift, ``(shifts, blocks)``."""
    return levels(total, k[None, :] * BLOCK_MS + shifts[:, None])


def levels(total: NDArray[np.float64], begins: NDArray[np.float64]) -> NDArray[np.float64]:
    """How loud the 40 ms are that begin at each of ``begins``, in milliseconds, by the formula of the test pattern, and
    :data:`FLOOR` at least. ``total`` is the sum of the power before each millisecond."""
    begin = np.clip(begins, 0, len(total) - 1)
    end = np.clip(begin + BLOCK_MS, 0, len(total) - 1)
    at = np.arange(len(total))
    mean = (np.interp(end, at, total) - np.interp(begin, at, total)) / BLOCK_MS
    rms = np.sqrt(np.maximum(mean, 0)) + 1e-9
    return np.asarray(np.clip(np.round((20 * np.log10(rms) + 60) / 4), FLOOR, 15))
