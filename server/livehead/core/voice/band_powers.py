"""The power of speech in bands, frame by frame: what an echo keeps of a voice, whatever the room and the codecs do."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import SAMPLE_RATE, Pcm

FRAME = 256
"""Samples from one frame to the next, 16 ms. Each is taken over twice as many, Hann-windowed."""

EDGES = (150, 300, 450, 600, 800, 1000, 1300, 1600, 2000, 2500, 3100, 3900, 5000)
"""Of the bands, in Hz: finer than critical bands below, about as wide above."""

BANDS = len(EDGES) - 1

Powers: TypeAlias = NDArray[np.float32]

_HANN = np.hanning(2 * FRAME).astype(np.float32)
_STARTS = np.searchsorted(np.fft.rfftfreq(2 * FRAME, 1 / SAMPLE_RATE), EDGES)


class BandPowers:
    """For one stream of samples, float32 at 16 kHz."""

    def __init__(self) -> None:
        self._waiting: Pcm = np.zeros(FRAME, np.float32)

    def __call__(self, pcm: Pcm) -> Powers:
        """The frames that the next samples complete: float32 ``(n, 12)``. A sine of level 1 gives about 50."""
        samples = np.concatenate([self._waiting, pcm])
        count = len(samples) // FRAME - 1
        self._waiting = samples[count * FRAME :]
        frames = np.lib.stride_tricks.sliding_window_view(samples, 2 * FRAME)[: count * FRAME : FRAME] * _HANN
        spectrum = np.fft.rfft(frames, axis=1)
        power = spectrum.real**2 + spectrum.imag**2
        sums = np.add.reduceat(power, _STARTS, axis=1)[:, :BANDS]
        powers: Powers = (sums / (2 * FRAME)).astype(np.float32)
        return powers
