"""PCM16LE of any rate, as backends send and get it, to the samples of the timeline and back."""

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


class Pcm16Encoder:
    """A stream without an end: float32 at 16 kHz to mono PCM16LE at ``rate`` Hz. The filter delays it by about a
    millisecond, unless the rates are the same."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)

    def __call__(self, pcm: Pcm) -> bytes:
        """The next samples, in [-1, 1]; louder ones are clipped."""
        if self._rate != SAMPLE_RATE:
            frame = av.AudioFrame.from_ndarray(pcm[np.newaxis], format="flt", layout="mono")
            frame.sample_rate = SAMPLE_RATE
            pcm = _joined(self._resampler.resample(frame))
        return np.rint(np.clip(pcm, -1.0, 1.0) * 32767).astype("<i2").tobytes()


def _joined(frames: list[av.AudioFrame]) -> Pcm:
    parts = [frame.to_ndarray()[0].astype(np.float32) for frame in frames]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
