"""How far the frame is behind the voice at the client.

Both are compared with the microphone's audio: the returned voice is some time behind it, and so is each frame. The
difference is the skew, given twice:

- as a browser plays: the latest sender reports put both streams on one wall clock;
- as they arrive: the delay of the voice's packet after its audio, and of the frame after its block.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livehead.bench.latency.alignment import Alignment
from livehead.bench.latency.recorders.recording import AudioPacket, Recording, SenderReport
from livehead.bench.latency.stimulus import BINS, RATE

CLOCK = 90_000
SPAN_MS = 2000
NEAR_MS = 100
SEARCH_MS = 3000


@dataclass(frozen=True, slots=True)
class Skew:
    """Milliseconds, one for each frame; positive if the frame is behind the voice. Empty without a voice."""

    played: tuple[float, ...] = ()
    arrived: tuple[float, ...] = ()


def skew(
    recording: Recording, sent: NDArray[np.float64], frames: Sequence[tuple[int, int, float]], at: Alignment
) -> Skew:
    """``sent`` is the microphone's power by milliseconds; ``frames`` are ``(k, timestamp, decoded)``."""
    heard = recording.audio_packets
    if not heard or not recording.audio_reports or not recording.frame_reports:
        return Skew()
    origin = heard[0].timestamp
    voice = _timeline(heard, origin)
    # The returned voice is 0 to 3 s behind.
    earliest = round((recording.began - heard[0].arrived) * 1000)
    lags = _lags(np.sqrt(sent), np.sqrt(voice), earliest)
    walls = [_wall(recording.audio_reports, audio.arrived, audio.timestamp, RATE) for audio in heard]
    begins = np.array([(audio.timestamp - origin) * BINS / RATE for audio in heard])
    order = np.argsort(begins, kind="stable")
    played, arrived = [], []
    for k, timestamp, decoded in frames:
        mic_ms = at.heard_ms(k)
        lag = lags.get(int(mic_ms // SPAN_MS))
        if lag is None:
            continue
        voice_ms = mic_ms + lag  # the place of this block's first sample in the returned voice
        place = int(np.searchsorted(begins[order], voice_ms, "right")) - 1
        if place < 0:
            continue
        number = int(order[place])
        inside = voice_ms - begins[number]
        if inside >= len(heard[number].power):
            continue  # that packet was lost
        frame_wall = _wall(recording.frame_reports, decoded, timestamp, CLOCK)
        voice_wall = walls[number]
        if frame_wall is not None and voice_wall is not None:
            played.append((frame_wall - voice_wall) * 1000 - inside)
        # The packet's first sample could be played on arrival, the others after it.
        arrived.append((decoded - heard[number].arrived) * 1000 - inside)
    return Skew(tuple(played), tuple(arrived))


def _timeline(heard: Sequence[AudioPacket], origin: int) -> NDArray[np.float64]:
    places = [round((audio.timestamp - origin) * BINS / RATE) for audio in heard]
    line = np.zeros(max(places) + max(len(audio.power) for audio in heard))
    for place, audio in zip(places, heard, strict=True):
        if place >= 0:
            line[place : place + len(audio.power)] = audio.power
    return line


def _lags(sent: NDArray[np.float64], voice: NDArray[np.float64], earliest: int) -> dict[int, float]:
    """Index in the voice minus index in the microphone, both in milliseconds, for each span that holds audio."""
    size = 1 << (len(sent) + len(voice) - 1).bit_length()
    product = np.fft.rfft(voice - voice.mean(), size) * np.conj(np.fft.rfft(sent - sent.mean(), size))
    correlation = np.fft.irfft(product, size)
    lags = np.arange(earliest, earliest + SEARCH_MS)
    whole = int(lags[int(np.argmax(correlation[lags]))])
    found: dict[int, float] = {}
    for span in range(len(sent) // SPAN_MS):
        part = sent[span * SPAN_MS : (span + 1) * SPAN_MS]
        if part.max() < 0.02 or part.max() - part.min() < 0.02:
            continue
        best: tuple[float, int] | None = None
        for lag in range(whole - NEAR_MS, whole + NEAR_MS + 1):
            begin = span * SPAN_MS + lag
            if begin < 0 or begin + SPAN_MS > len(voice):
                continue
            miss = float(np.sum(np.abs(voice[begin : begin + SPAN_MS] - part)))
            if best is None or miss < best[0]:
                best = miss, lag
        if best is not None and best[0] < 0.5 * float(np.sum(part)):
            found[span] = best[1]
    return found


def _wall(reports: Sequence[SenderReport], now: float, timestamp: int, rate: int) -> float | None:
    """The sender's wall clock at a timestamp, by the latest report that had arrived by ``now``."""
    place = bisect_right(reports, now, key=lambda report: report.arrived) - 1
    if place < 0:
        return None
    report = reports[place]
    return report.wall + (timestamp - report.timestamp) / rate
