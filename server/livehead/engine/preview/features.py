"""What a block of audio tells about the mouth that makes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import BLOCK_SAMPLES, SAMPLE_RATE, Pcm
from livehead.engine.preview.formants import USUAL, formants

WINDOW = 960
"""Samples of a spectrum: the block and the 20 ms before it."""

QUIET_DB = -54.0
"""Below this level, in dB of full scale, nobody speaks."""

_FREQ = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
_TAPER = np.sin(np.pi * (np.arange(WINDOW) + 0.5) / WINDOW) ** 2


def _band(low: float, high: float) -> slice:
    return slice(int(np.searchsorted(_FREQ, low)), int(np.searchsorted(_FREQ, high)))


BASE, BODY, MIDDLE, HISS = _band(90, 450), _band(450, 1100), _band(1100, 3200), _band(3400, 7800)


@dataclass(frozen=True, slots=True)
class Features:
    """One block of audio. ``level`` is 0..1 of how loud this speaker usually is (up to 1.4), ``end``
    that of the block's last quarter; ``voiced`` 0..1; ``hiss`` 0..1, how much of it is s, f, sh;
    ``hum`` 0..1, how much like m or n; ``f1`` and ``f2`` the resonances in Hz; ``onset`` 0..1, a
    sudden rise."""

    level: float = 0.0
    end: float = 0.0
    voiced: float = 0.0
    hiss: float = 0.0
    hum: float = 0.0
    f1: float = USUAL[0]
    f2: float = USUAL[1]
    onset: float = 0.0


class Listener:
    """Turns blocks into :class:`Features`, and learns how loud the speaker and the room are."""

    def __init__(self) -> None:
        self._past = np.zeros(WINDOW)
        self._loud = -24.0
        self._floor = -66.0
        self._before = -90.0
        self._resonances = USUAL

    def copy(self) -> Listener:
        """An independent listener in the same state."""
        other = Listener()
        other._past, other._loud = self._past, self._loud
        other._floor, other._before = self._floor, self._before
        other._resonances = self._resonances
        return other

    def hush(self) -> None:
        """Forget the audio, keep what was learnt about the speaker."""
        self._past = np.zeros(WINDOW)
        self._before = -90.0
        self._resonances = USUAL

    def hear(self, pcm: Pcm) -> Features:
        """Take one block, float32 ``(640,)``. What is not finite counts as silence."""
        block = np.clip(np.nan_to_num(pcm.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0), -1, 1)
        self._past = np.concatenate([self._past[BLOCK_SAMPLES:], block])
        whole, end = _db(block), _db(block[-BLOCK_SAMPLES // 4 :])
        gate = self._learn(whole)
        level = float(np.clip((whole - gate) / (self._loud - gate), 0, 1.4))
        last = float(np.clip((end - gate) / (self._loud - gate), 0, 1.4))
        onset = float(np.clip((whole - self._before - 6) / 18, 0, 1)) if level > 0.3 else 0.0
        self._before = whole
        return self._spectrum(level, last, onset) if level > 0 else Features(end=last)

    def _learn(self, db: float) -> float:
        """Follow the speaker's and the room's level; the gate between them comes back."""
        if db < self._floor:
            self._floor += 0.3 * (max(db, -75.0) - self._floor)
        else:
            # A fan's noise is steady, speech is not.
            steady = abs(db - self._before) < 2
            self._floor = min(self._floor + (0.30 if steady else 0.05), self._loud - 15)
        if db > self._loud:
            self._loud += 0.25 * (db - self._loud)
        elif db > max(QUIET_DB, self._loud - 25):
            self._loud = max(-42.0, self._loud - 0.04)
        return min(max(QUIET_DB, self._floor + 9, self._loud - 28), self._loud - 8)

    def _spectrum(self, level: float, end: float, onset: float) -> Features:
        power = np.abs(np.fft.rfft(self._past * _TAPER)) ** 2 + 1e-9
        base, body, middle, top = (float(power[band].sum()) for band in (BASE, BODY, MIDDLE, HISS))
        total = base + body + middle + top
        hiss = float(np.clip((top / total - 0.15) / 0.4, 0, 1))
        voiced = float(np.clip((base + body) / total * 1.6 - 0.2, 0, 1)) * (1 - 0.7 * hiss)
        if voiced > 0.3:
            self._resonances = formants(power, SAMPLE_RATE / 2, self._resonances)
        f1, f2 = self._resonances
        # A close front vowel is dull too, but its second resonance stands high.
        bright = float(np.clip((f2 - 2150) / 400, 0, 1))
        hum = float(np.clip((-12 - 10 * np.log10((body + middle) / base)) / 6, 0, 1)) * voiced * (1 - bright)
        return Features(level, end, voiced, hiss, hum, f1, f2, onset)


def _db(samples: NDArray[np.float64]) -> float:
    return float(10 * np.log10(float(np.mean(samples**2)) + 1e-9))
