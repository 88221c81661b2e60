"""Packet loss concealment: where a packet is missing the last pitch period is repeated, fading out within 60 ms."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from livehead.media.audio.resample import Samples

HISTORY = 0.060
FADE = 0.060
JOIN = 0.004
LOWEST, HIGHEST = 60.0, 400.0
"""The pitch of human voices in Hz, with room to spare."""


class PacketLossConcealer:
    """Remembers the last samples of one stream at ``rate`` Hz and continues from them when nothing comes."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._join = round(JOIN * rate)
        self._history = np.zeros(round(HISTORY * rate), np.float32)
        self._run = 0  # samples concealed so far in this gap
        self._period: Samples | None = None

    def received(self, pcm: Samples) -> Samples:
        """Pass on what did come. After a gap its first 4 ms are cross-faded from what was played there."""
        if self._run and len(pcm) > self._join:
            going_on = self._extrapolate(self._join)
            ramp = np.linspace(0, 1, self._join, dtype=np.float32)
            pcm = pcm.copy()
            pcm[: self._join] = pcm[: self._join] * ramp + going_on * (1 - ramp)
        self._run = 0
        self._period = None
        self._remember(pcm)
        return pcm

    def missing(self, count: int) -> Samples:
        """``count`` samples in place of what did not come: float32 ``(count,)``."""
        pcm = self._extrapolate(count)
        self._run += count
        return pcm

    def _extrapolate(self, count: int) -> Samples:
        fade = self._rate * FADE
        if self._run >= fade:
            return np.zeros(count, np.float32)
        if self._period is None:
            self._period = self._find_period()
        at = np.arange(self._run, self._run + count)
        gain = np.clip(1 - at / fade, 0, 1).astype(np.float32)
        return self._period[at % len(self._period)] * gain

    def _find_period(self) -> Samples:
        """The last period of the history, by the best match of its end with what went before. The search runs on
        every sixth sample at 48 kHz: the pitch need not be exact."""
        step = max(1, self._rate // 8000)
        coarse = self._history[::-1][::step][::-1]
        rate = self._rate / step
        size = round(0.02 * rate)
        shortest, longest = int(rate / HIGHEST), min(int(rate / LOWEST), len(coarse) - size)
        last = len(coarse) - size
        parts = sliding_window_view(coarse, size)[last - longest : last - shortest + 1][::-1]
        scores = parts @ coarse[last:] / (np.sqrt(np.einsum("ij,ij->i", parts, parts)) + 1e-6)
        lag = int(np.argmax(scores)) + shortest
        return self._history[len(self._history) - lag * step :]

    def _remember(self, pcm: Samples) -> None:
        if len(pcm) >= len(self._history):
            self._history = pcm[len(pcm) - len(self._history) :].copy()
        else:
            self._history = np.concatenate([self._history[len(pcm) :], pcm])
