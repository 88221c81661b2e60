"""How far the picture is behind the voice, for as long as the call lasts, from what a client receives alone.

A frame's test pattern tells how loud its 40 ms are; the voice that comes back holds the same 40 ms. Both have a time on
the sender's wall clock by the latest sender reports, as a browser plays them. The shift at which the loudness read fits
the voice best is the skew, to about a millisecond.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from livehead.bench.latency.alignment import FLOOR, levels
from livehead.bench.latency.recorders.recording import AudioPacket, DecodedFrame, SenderReport
from livehead.bench.latency.stimulus import BINS, RATE

VIDEO_CLOCK = 90_000
SEARCH_MS = 400
ENOUGH = 40
"""Frames that are compared at least, and how many of them are loud."""

ENOUGH_LOUD = 10
LOUD = 8
FITS = 1.0
"""Mean error, in steps of loudness, up to which the two are the same sound."""


def skew_ms(
    frames: Sequence[DecodedFrame],
    frame_reports: Sequence[SenderReport],
    voice: Sequence[AudioPacket],
    voice_reports: Sequence[SenderReport],
) -> float | None:
    """Milliseconds, positive where the picture is behind the voice; None where too little was said or received."""
    seen = [(_wall(frame_reports, each.decoded, each.timestamp, VIDEO_CLOCK), each.loudness) for each in frames]
    shown = [(at, loudness) for at, loudness in seen if at is not None and loudness is not None]
    loud = sum(loudness >= LOUD for _, loudness in shown)
    if len(shown) < ENOUGH or loud < ENOUGH_LOUD or loud > len(shown) - ENOUGH_LOUD:
        return None
    origin = shown[0][0] - SEARCH_MS / 1000
    line = _line(voice, voice_reports, origin, shown[-1][0] - origin + 2 * SEARCH_MS / 1000)
    if line is None:
        return None
    total = np.concatenate([[0.0], np.cumsum(line)])
    begins = np.array([(at - origin) * BINS for at, _ in shown])
    read = np.array([loudness for _, loudness in shown], np.float64)
    shifts = np.arange(-SEARCH_MS, SEARCH_MS + 1, dtype=np.float64)
    costs = np.concatenate(
        [_costs(total, begins, read, part) for part in np.array_split(shifts, 1 + len(shifts) * len(read) // 500_000)]
    )
    least = costs.min()
    if least > FITS:
        return None
    near = shifts[costs <= least + 0.25 / len(read)]
    return -float(np.median(near))


def _costs(
    total: NDArray[np.float64], begins: NDArray[np.float64], read: NDArray[np.float64], shifts: NDArray[np.float64]
) -> NDArray[np.float64]:
    should = levels(total, begins[None, :] + shifts[:, None])
    return np.asarray(np.mean(np.abs(should - np.maximum(read, FLOOR)), axis=1))


def _line(
    voice: Sequence[AudioPacket], reports: Sequence[SenderReport], origin: float, seconds: float
) -> NDArray[np.float64] | None:
    """Power by milliseconds since ``origin`` on the sender's clock; None where less than half of it was received."""
    line = np.zeros(round(seconds * BINS))
    covered = 0
    for packet in voice:
        at = _wall(reports, packet.arrived, packet.timestamp, RATE)
        place = -1 if at is None else round((at - origin) * BINS)
        if 0 <= place <= len(line) - len(packet.power):
            line[place : place + len(packet.power)] = packet.power
            covered += len(packet.power)
    return line if covered >= len(line) / 2 else None


def _wall(reports: Sequence[SenderReport], now: float, timestamp: int, rate: int) -> float | None:
    """The sender's wall clock at a timestamp, by the latest report that had arrived by ``now``."""
    place = bisect_right(reports, now, key=lambda report: report.arrived) - 1
    if place < 0:
        return None
    return reports[place].wall + (timestamp - reports[place].timestamp) / rate
