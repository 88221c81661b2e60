"""Whether a voice in a microphone is the portrait's own, coming back from the user's loudspeaker.

We know what was sent. An echo of it has the same powers in bands, later by a lag that stays, and by a gain in each
band that stays: over the frames in which the portrait speaks, the difference in decibels between microphone and far
end spreads by 2 to 3 dB at the right lag, and by 6 and more at a wrong one or where somebody else speaks. So the lag
with the least spread is looked for all the time. Where it is small, there is an echo path, and a frame of the
microphone that lies above what the path brings, in enough of its bands, is somebody's own voice.

Waveforms are not compared, as an echo canceller does: between the far end and us lie two codecs and the browser's
jitter buffer, which stretches time. Pure: times are monotonic seconds, passed in.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import SAMPLE_RATE, Pcm
from livehead.core.voice.band_powers import BANDS, FRAME, BandPowers, Powers
from livehead.core.voice.far_end import LAGS, LAST_LAG, LEAST_BANDS, FarEnd

LEAST_FRAMES = 60
LEARNING = 125
"""Frames with the portrait's voice, 1 and 2 s: before the one no path is known, and until the other every voice in the
microphone may be an echo by a path that is not known yet."""

LEAST_SEEN = 4
LEAST_TOLD = 15
"""Frames that a gain, and a lag's spread, take to mean something."""

MEMORY = 50
"""Frames over which gains and spreads are averaged, 0.8 s of the portrait's voice."""

MOST_SPREAD = 4.5
SURE_SPREAD = 3.5
"""Decibels: the spread below which there is an echo path, and below which there is another one while somebody may
speak."""

MARGIN = 6.0
"""Decibels that a band must be above what the path brings to be somebody's own: two spreads."""

OWN_SHARE = 0.3
OVER = 5
"""The share of such bands, by loudness, from which a frame is somebody's own, on average over so many frames."""

ALONE_SHARE = 0.12
"""And the share below which nobody speaks but the portrait."""

ABOVE_NOISE = 3.0
"""What a band must be above the noise floor, as a factor of power, to say more than that nothing louder is there."""

FAR_OFF = 12.0
"""Spread, in dB, of a lag that nothing is known of."""


@dataclass(frozen=True, slots=True, eq=False)
class _Path:
    """``lag`` is its row, ``gains`` float32 ``(12,)`` in decibels."""

    lag: int
    gains: Powers
    spread: float


class EchoGuard:
    """Of one microphone."""

    def __init__(self, far_end: FarEnd) -> None:
        self._far_end = far_end
        self._powers = BandPowers()
        self._floor = np.full(BANDS, 1e-5, np.float32)
        self._gains = np.zeros((LAGS, BANDS), np.float32)
        self._seen = np.zeros((LAGS, BANDS), np.float32)
        self._spreads = np.full(LAGS, FAR_OFF, np.float32)
        self._told = np.zeros(LAGS, np.float32)
        self._frames = 0
        self._path: _Path | None = None
        self._shares: deque[float] = deque(maxlen=OVER)

    @property
    def path(self) -> tuple[float, float] | None:
        """Lag in seconds and spread in decibels of the echo path, None while there seems to be none."""
        if self._path is None:
            return None
        return (LAST_LAG - self._path.lag) * FRAME / SAMPLE_RATE, self._path.spread

    def is_echo(self, pcm: Pcm, time: float) -> bool:
        """Whether the microphone's next samples, float32 at 16 kHz, are what was sent and no more, if there is a voice
        in them. ``time`` is when the first of them came, on the far end's clock."""
        if not self._far_end.began:
            return False
        echo = False
        frame = self._far_end.frame_at(time)
        for powers in self._powers(pcm):
            echo = self._judge(powers, frame)
            frame += 1
        return echo

    def _judge(self, powers: Powers, frame: int) -> bool:
        self._floor = np.where(powers < self._floor, 0.7 * self._floor + 0.3 * powers, self._floor * 1.003)
        threshold = np.maximum(ABOVE_NOISE * self._floor, 1e-8)
        loud = powers > threshold
        sent = self._far_end.before(frame)
        if sent is None:
            self._shares.clear()
            return False
        levels, audible = sent
        level = 10 * np.log10(np.maximum(powers, threshold))
        self._learn(level, loud, levels, audible)
        if self._path is None:
            return self._frames < LEARNING
        return self._explains(self._path, level, loud, levels)

    def _learn(self, level: Powers, loud: NDArray[np.bool_], levels: Powers, audible: Powers) -> None:
        """One more frame: how far off the gains of each lag are, and what they are now. A band that is not loud says
        only that what comes back is no louder."""
        self._frames += 1
        off = level - levels - self._gains
        off = np.where(loud, off, np.minimum(off, 0)) * audible
        known = audible * (self._seen >= LEAST_SEEN)
        bands = known.sum(axis=1)
        told = bands >= LEAST_BANDS
        self._told += told
        spreads = np.minimum((np.abs(off) * known).sum(axis=1) / np.maximum(bands, 1), FAR_OFF)
        self._spreads += np.where(told, (spreads - self._spreads) / np.clip(self._told, 1, MEMORY), 0)
        self._seen = np.minimum(self._seen + audible, MEMORY)
        self._gains += off / np.maximum(self._seen, 1)
        if self._frames >= LEAST_FRAMES:
            best = int(np.argmin(np.where(self._told >= LEAST_TOLD, self._spreads, FAR_OFF)))
            alone = self._path is None or self._own_share < ALONE_SHARE
            if self._spreads[best] < (MOST_SPREAD if alone else SURE_SPREAD):
                self._path = _Path(best, self._gains[best].copy(), float(self._spreads[best]))

    def _explains(self, path: _Path, level: Powers, loud: NDArray[np.bool_], levels: Powers) -> bool:
        """Whether what comes back by this path is about what is there."""
        brought = path.gains + levels[max(0, path.lag - 1) : path.lag + 2].max(axis=0)
        if loud.any():
            weights = 10 ** (0.03 * level[loud])  # loudness goes with the power's root, about
            own = level[loud] > brought[loud] + MARGIN
            self._shares.append(float(weights[own].sum() / weights.sum()))
        return self._own_share < OWN_SHARE

    @property
    def _own_share(self) -> float:
        return sum(self._shares) / len(self._shares) if self._shares else 0.0
