"""PCM16LE of any rate, as backends send it, to the samples of the timeline."""

from __future__ import annotations

import av
import numpy as np

from livehead.core.block import SAMPLE_RATE, Pcm


class Pcm16Decoder:
    """One utterance as it arrives: mono PCM16LE at ``rate`` Hz to float32 at 16 kHz.

    The filter holds back about a millisecond; :meth:`flush` gives that, and starts the next utterance.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._resampler = self._make()

    def __call__(self, data: bytes) -> Pcm:
        """The next whole samples: an even number of bytes."""
        samples = np.frombuffer(data, "<i2")
        if not len(samples):
            return np.zeros(0, np.float32)
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis].astype(np.int16), format="s16", layout="mono")
        frame.sample_rate = self.rate
        return _joined(self._resampler.resample(frame))

    def flush(self) -> Pcm:
        rest = _joined(self._resampler.resample(None))
        self._resampler = self._make()
        return rest

    def _make(self) -> av.AudioResampler:
        return av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)


def _joined(frames: list[av.AudioFrame]) -> Pcm:
    parts = [frame.to_ndarray()[0].astype(np.float32) for frame in frames]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
