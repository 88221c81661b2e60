"""Encoders of outgoing audio: 16 kHz mono in, RTP payloads of 20 ms out."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

import av
import numpy as np
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame

from livehead.core.block import SAMPLE_RATE, Pcm
from livehead.media.audio.decoder import G711_LIBRARY
from livehead.media.audio.resample import Resampler

PACKET_S = 0.020
OPUS_BITRATE = 32_000
"""Bits a second; transparent for one voice at 16 kHz."""


class AudioEncoder(Protocol):
    """``rate`` is that of the RTP clock."""

    rate: int

    def encode(self, pcm: Pcm) -> list[bytes]:
        """The next samples, float32 ``(n,)``, a whole number of 20 ms: one payload for each 20 ms."""


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
        for packet_samples in samples.reshape(-1, size):
            frame = AudioFrame.from_ndarray(packet_samples.reshape(1, -1), format="flt", layout="mono")
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
        context = av.CodecContext.create(G711_LIBRARY[name], "w")
        assert isinstance(context, AudioCodecContext)
        context.sample_rate = self.rate
        context.layout = "mono"
        context.format = "s16"
        context.time_base = Fraction(1, self.rate)
        self._context = context
        self._resampler = Resampler(SAMPLE_RATE, self.rate)

    def encode(self, pcm: Pcm) -> list[bytes]:
        levels = np.rint(self._resampler(pcm) * 32768).clip(-32768, 32767).astype(np.int16)
        payloads = []
        for samples in levels.reshape(-1, round(PACKET_S * self.rate)):
            frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate = self.rate
            payloads += [bytes(packet) for packet in self._context.encode(frame)]
        return payloads


SILENCE = {"opus": b"\xf8\xff\xfe", "pcmu": b"\xff" * 160, "pcma": b"\xd5" * 160}
"""20 ms of silence by codec, whatever came before: for Opus a frame of CELT in which every band is zero."""


def audio_encoder(codec: RTCRtpCodecParameters) -> AudioEncoder:
    """An encoder for a negotiated codec."""
    name = codec.name.lower()
    return OpusEncoder() if name == "opus" else G711Encoder(name)
