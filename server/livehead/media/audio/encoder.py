"""Encoders of outgoing audio: 16 kHz mono in, RTP payloads of 20 ms out."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

import av
import numpy as np
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from livehead.core.block import SAMPLE_RATE, Pcm
from livehead.media.audio.decoder import G711Decoder
from livehead.media.audio.resample import Resampler

PACKET_S = 0.020
OPUS_BITRATE = 32_000
"""For one voice at 16 kHz that is transparent."""


class AudioEncoder(Protocol):
    """``rate`` is that of the RTP clock."""

    rate: int

    def encode(self, pcm: Pcm) -> list[bytes]:
        """The next samples, a whole number of 20 ms, as one payload for each 20 ms."""


class OpusEncoder:
    """Opus for speech, mono, with forward error correction for one lost packet in twenty (RFC 6716)."""

    rate = 48_000

    def __init__(self) -> None:
        context = av.CodecContext.create("libopus", "w")
        assert isinstance(context, AudioCodecContext)
        context.sample_rate = self.rate
        context.layout = "mono"
        context.format = "flt"
        context.bit_rate = OPUS_BITRATE
        context.time_base = Fraction(1, self.rate)
        context.options = {
            "application": "voip",
            "frame_duration": "20",
            "fec": "1",
            "packet_loss": "5",
            "compression_level": "5",
        }
        self._context = context
        self._resampler = Resampler(SAMPLE_RATE, self.rate)
        self._pts = 0

    def encode(self, pcm: Pcm) -> list[bytes]:
        samples = self._resampler(np.clip(pcm, -1, 1).astype(np.float32, copy=False))
        size = round(PACKET_S * self.rate)
        payloads = []
        for piece in samples.reshape(-1, size):
            frame = AudioFrame.from_ndarray(piece.reshape(1, -1), format="flt", layout="mono")
            frame.sample_rate = self.rate
            frame.pts = self._pts
            frame.time_base = Fraction(1, self.rate)
            self._pts += size
            payloads += [bytes(packet) for packet in self._context.encode(frame)]
        return payloads


class G711Encoder:
    """PCMU or PCMA, for clients without Opus."""

    rate = 8_000

    def __init__(self, name: str) -> None:
        levels = G711Decoder(name).decode(bytes(range(256)))
        self._order: NDArray[np.intp] = np.argsort(levels, kind="stable")
        ranked = levels[self._order]
        self._edges = (ranked[1:] + ranked[:-1]) / 2
        self._resampler = Resampler(SAMPLE_RATE, self.rate)

    def encode(self, pcm: Pcm) -> list[bytes]:
        codes = self._order[np.searchsorted(self._edges, self._resampler(pcm))].astype(np.uint8)
        return [piece.tobytes() for piece in codes.reshape(-1, round(PACKET_S * self.rate))]


def audio_encoder(codec: RTCRtpCodecParameters) -> AudioEncoder:
    """An encoder for a negotiated codec."""
    name = codec.name.lower()
    return OpusEncoder() if name == "opus" else G711Encoder(name)
