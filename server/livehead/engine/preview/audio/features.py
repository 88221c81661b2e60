"""Features of a block of audio that tell how the mouth moves: loudness, voicing, formants."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import BLOCK_SAMPLES, SAMPLE_RATE, Pcm
from livehead.engine.preview.audio.formants import USUAL, formants

WINDOW = 960
"""Samples that a spectrum is taken from: the block and the 20 ms before it."""

QUIET_DB = -54.0
"""Audio below this level, in dBFS, is never taken for speech."""

NOTHING_DB, NEAR_NOTHING_DB = -90.0, -85.0
"""What zeros count as, and what is no noise of a room."""

FLOOR = slice(25, 100)
"""From how many blocks, and of how many at most, the quietest is taken for the noise of the room: one second to
four seconds. So long nobody speaks without a pause (minimum statistics: Martin, 2001)."""

OVER_NOISE_DB = 6.0
"""Speech is so much louder than the noise."""

STEADY_BLOCKS, STEADY_DB = 11, 6.0
"""Speech never stays this even for so long,"""

BELOW_DB = 12.0
"""and is louder than so much less than usual."""

_FREQ = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
_TAPER = np.sin(np.pi * (np.arange(WINDOW) + 0.5) / WINDOW) ** 2


def _band(low: float, high: float) -> slice:
    return slice(int(np.searchsorted(_FREQ, low)), int(np.searchsorted(_FREQ, high)))


BASE, BODY, MIDDLE, HISS = _band(90, 450), _band(450, 1100), _band(1100, 3200), _band(3400, 7800)


@dataclass(frozen=True, slots=True)
class Features:
    """Of one block. ``level`` is the loudness, from 0 (silence) to 1 (this speaker's usual level) and at most 1.4;
    ``end`` is that of the block's last quarter. ``voiced``, ``hiss`` (like s, f, sh), ``hum`` (like m, n) and
    ``onset`` (a sudden rise) are 0..1. ``f1`` and ``f2`` are the first two formants in Hz."""

    level: float = 0.0
    end: float = 0.0
    voiced: float = 0.0
    hiss: float = 0.0
    hum: float = 0.0
    f1: float = USUAL[0]
    f2: float = USUAL[1]
    onset: float = 0.0


class FeatureExtractor:
    """Turns blocks into :class:`Features`, and adapts to the loudness of the speaker and of the room.

    Zeros after a steady noise tell nothing of either: there a gate was shut, and the noise will be back with the next
    speech. Zeros after speech are a silent room."""

    def __init__(self) -> None:
        self._past = np.zeros(WINDOW)
        self._speech_db = -24.0
        self._noise_db = -66.0
        self._levels: deque[float] = deque(maxlen=FLOOR.stop)
        self._shut = False
        self._last_db = NOTHING_DB
        self._formants = USUAL

    def reset(self) -> None:
        """Forget the audio so far, but not how loud the speaker and the room are."""
        self._past = np.zeros(WINDOW)
        self._last_db = NOTHING_DB
        self._formants = USUAL

    def extract(self, pcm: Pcm) -> Features:
        """Take the next block, float32 ``(640,)``. Samples that are not finite count as silence."""
        if not pcm.any():
            return self._silence(pcm)
        block = np.clip(np.nan_to_num(pcm.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0), -1, 1)
        self._past = np.concatenate([self._past[BLOCK_SAMPLES:], block])
        whole, end = _db(block), _db(block[-BLOCK_SAMPLES // 4 :])
        self._shut = False
        self._learn(whole)
        gate = self._gate
        level = float(np.clip((whole - gate) / (self._speech_db - gate), 0, 1.4))
        last = float(np.clip((end - gate) / (self._speech_db - gate), 0, 1.4))
        onset = float(np.clip((whole - self._last_db - 6) / 18, 0, 1)) if level > 0.3 else 0.0
        self._last_db = whole
        return self._spectrum(level, last, onset) if level > 0 else Features(end=last)

    def _silence(self, zeros: Pcm) -> Features:
        """The same for a block of zeros, of which there are many."""
        self._past = np.concatenate([self._past[BLOCK_SAMPLES:], zeros])
        if not self._shut and self._steady():
            self._shut = True
            if self._levels[-1] > NEAR_NOTHING_DB:
                self._know_gate()
        if not self._shut:
            self._learn(NOTHING_DB)
        self._last_db = NOTHING_DB
        return Features()

    def _steady(self) -> bool:
        """Whether what was heard last was noise."""
        last = [self._levels[at] for at in range(-min(STEADY_BLOCKS, len(self._levels)), 0)]
        return len(last) == STEADY_BLOCKS and max(last) < min(min(last) + STEADY_DB, self._speech_db - BELOW_DB)

    def _know_gate(self) -> None:
        """What was heard last was noise, then came zeros: those before were a gate's, too."""
        heard = [level for level in self._levels if level > NEAR_NOTHING_DB]
        self._levels = deque(heard, maxlen=FLOOR.stop)
        self._noise_db = min(max(self._noise_db, min(heard)), self._speech_db - 15)

    def _learn(self, db: float) -> None:
        """Track the levels of the speaker and of the room."""
        self._levels.append(db)
        if db < self._noise_db:
            self._noise_db += 0.3 * (max(db, -75.0) - self._noise_db)
        else:
            # Noise like a fan's is steady; speech is not.
            steady = abs(db - self._last_db) < 2
            self._noise_db += 0.30 if steady else 0.05
            if len(self._levels) >= FLOOR.start:
                self._noise_db = max(self._noise_db, min(self._levels))
            self._noise_db = min(self._noise_db, self._speech_db - 15)
        if db > self._speech_db:
            self._speech_db += 0.25 * (db - self._speech_db)
        elif db > max(QUIET_DB, self._speech_db - 25):
            self._speech_db = max(-42.0, self._speech_db - 0.04)

    @property
    def _gate(self) -> float:
        """The level in dB that separates speaker and room."""
        return min(max(QUIET_DB, self._noise_db + OVER_NOISE_DB, self._speech_db - 28), self._speech_db - 8)

    def _spectrum(self, level: float, end: float, onset: float) -> Features:
        power = np.abs(np.fft.rfft(self._past * _TAPER)) ** 2 + 1e-9
        base, body, middle, top = (float(power[band].sum()) for band in (BASE, BODY, MIDDLE, HISS))
        total = base + body + middle + top
        hiss = float(np.clip((top / total - 0.15) / 0.4, 0, 1))
        voiced = float(np.clip((base + body) / total * 1.6 - 0.2, 0, 1)) * (1 - 0.7 * hiss)
        if voiced > 0.3:
            self._formants = formants(power, SAMPLE_RATE / 2, self._formants)
        f1, f2 = self._formants
        # A close front vowel has little energy above F1 too, but its second formant is high.
        bright = float(np.clip((f2 - 2150) / 400, 0, 1))
        hum = float(np.clip((-12 - 10 * np.log10((body + middle) / base)) / 6, 0, 1)) * voiced * (1 - bright)
        return Features(level, end, voiced, hiss, hum, f1, f2, onset)


def _db(samples: NDArray[np.float64]) -> float:
    return float(10 * np.log10(float(np.mean(samples**2)) + 1e-9))
