"""A streaming resampler with a small, constant and exactly known delay."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Samples = NDArray[np.float32]


class Resampler:
    """Mono samples from ``source`` to ``target`` Hz; one rate is a whole multiple of the other.

    A causal linear-phase filter: what goes in at time t comes out at t + ``delay`` (seconds), for every
    frequency, and nothing is held back: n samples give n·target/source, however they are cut.

    FFmpeg's resampler is not used here because it holds back 1 ms (16 of a packet's 320 samples from 48 to 16 kHz, 48
    of 1,920 the other way). Every block whose end is a packet's end would wait 20 ms for the next packet, and the
    encoders would not get whole packets. This one delays by 0.6 ms between 48 and 16 kHz and costs 25 µs a packet
    where FFmpeg's costs 18 µs.
    """

    def __init__(self, source: int, target: int) -> None:
        high, low = max(source, target), min(source, target)
        if high % low:
            raise ValueError(f"{source} Hz is no whole multiple of {target} Hz, nor the other way round")
        self._factor = high // low
        self._up = target > source
        self._taps = _low_pass(self._factor)
        self._phases = [np.ascontiguousarray(self._taps[p :: self._factor][::-1]) for p in range(self._factor)]
        self.delay = (len(self._taps) - 1) / 2 / high if self._factor > 1 else 0.0
        self._history = np.zeros(len(self._phases[0]) - 1 if self._up else len(self._taps) - 1, np.float32)
        self._phase = 0

    def __call__(self, pcm: Samples) -> Samples:
        """The next piece of the stream: float32 ``(n,)`` to float32 ``(about n·target/source,)``."""
        if self._factor == 1 or not len(pcm):
            return pcm
        joined = np.concatenate([self._history, pcm])
        self._history = joined[len(joined) - len(self._history) :]
        if self._up:
            out = np.empty(len(pcm) * self._factor, np.float32)
            for p, phase in enumerate(self._phases):
                windows = sliding_window_view(joined[len(self._history) + 1 - len(phase) :], len(phase))
                out[p :: self._factor] = windows[: len(pcm)] @ (phase * np.float32(self._factor))
            return out
        windows = sliding_window_view(joined, len(self._taps))[self._phase :: self._factor]
        self._phase = (self._phase - len(pcm)) % self._factor
        down: Samples = windows @ self._taps
        return down


@cache
def _low_pass(factor: int) -> Samples:
    """Windowed sinc (Kaiser, about 60 dB), cut off at 0.92 of the lower rate's Nyquist frequency; its delay is a
    whole number of samples at both rates."""
    if factor == 1:
        return np.ones(1, np.float32)
    half = 10 * factor
    n = np.arange(-half, half + 1)
    taps = np.sinc(n / factor * 0.92) * np.kaiser(2 * half + 1, 5.65)
    unity: Samples = (taps / taps.sum()).astype(np.float32)
    return unity
