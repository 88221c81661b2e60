"""The first two formants, by linear prediction (Makhoul, 1975)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ORDER = 9
"""Order of the model: four formants below 4 kHz, and the spectral tilt of the voice."""

TOP = 4000.0
"""Upper end of the modelled band, in Hz."""

USUAL = (500.0, 1500.0)
"""F1 and F2 of a neutral vocal tract, in Hz."""


def formants(power: NDArray[np.float64], top: float, before: tuple[float, float] = USUAL) -> tuple[float, float]:
    """F1 and F2 in Hz from a power spectrum whose bins run evenly from 0 to ``top`` Hz.
    A formant that cannot be found keeps its value in ``before``."""
    bins = round((power.size - 1) * TOP / top) + 1
    freq = np.linspace(0, TOP, bins)
    lifted = power[:bins] * (0.02 + (freq / 1000) ** 1.6)
    lags = np.fft.irfft(lifted + lifted.max() * 1e-4 + 1e-12)[: ORDER + 1]
    lags *= np.exp(-0.5 * (2 * np.pi * 70 / (2 * TOP) * np.arange(ORDER + 1)) ** 2)
    poles = np.roots(_levinson(lags))
    poles = poles[poles.imag > 0.01]
    place = np.angle(poles) / np.pi * TOP
    width = -np.log(np.abs(poles) + 1e-9) * 2 * TOP / np.pi
    order = np.argsort(place)
    first, second = before
    seen = [(float(f), float(b)) for f, b in zip(place[order], width[order], strict=True) if f > 180]
    low = [f for f, b in seen if f < 1150 and b < 600]
    if low:
        first = low[0]
    next_up = [f for f, b in seen if max(first + 150, 650) < f < 3100 and b < 450]
    if next_up:
        second = next_up[0]
    if low and first > 420 and (not next_up or second > 2500):
        # F2 is this high only in front vowels, whose F1 is low. So F2 lies just above F1 here, as in "oh", and both
        # appear as one peak.
        return (480.0, first) if first > 700 else (min(first, 520.0), first + 330)
    return first, second


def _levinson(lags: NDArray[np.float64]) -> NDArray[np.float64]:
    """The prediction filter for an autocorrelation (Levinson-Durbin recursion)."""
    taps = np.zeros(ORDER + 1)
    taps[0] = 1.0
    error = lags[0]
    for i in range(1, ORDER + 1):
        k = -(taps[:i] @ lags[i:0:-1]) / error
        taps[1 : i + 1] += k * taps[:i][::-1]
        error *= 1 - k * k
    return taps
