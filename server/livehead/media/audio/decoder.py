"""Decoders of incoming audio: one packet in, mono float32 samples out."""

from __future__ import annotations

from typing import Protocol

import av
import numpy as np
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from livehead.errors import MediaError
from livehead.media.audio.resample import Samples

MAX_OPUS = 0.120
"""Longest Opus packet in seconds (RFC 6716 section 3.2)."""

G711_LIBRARY = {"pcmu": "pcm_mulaw", "pcma": "pcm_alaw"}
"""FFmpeg's names of the two laws."""


class AudioDecoder(Protocol):
    """``rate`` is that of the RTP clock and of the samples. ``delay`` is how much later than its place audio comes
    out, in seconds, the encoder's own look-ahead included."""

    rate: int
    delay: float

    def duration(self, payload: bytes) -> int:
        """Length of a packet in samples. Raises :class:`~livehead.errors.MediaError` for what is no packet."""

    def decode(self, payload: bytes) -> Samples:
        """The packet's samples. Raises :class:`~livehead.errors.MediaError`."""


class OpusDecoder:
    rate = 48_000
    delay = 0.0065
    """The encoder's look-ahead in its usual mode, 312 samples at 48 kHz. The decoder adds none."""

    def __init__(self) -> None:
        self._context = _context("libopus", self.rate)

    def duration(self, payload: bytes) -> int:
        """From the packet's first bytes (RFC 6716 section 3.1)."""
        if not payload:
            raise MediaError("an empty Opus packet")
        config, code = payload[0] >> 3, payload[0] & 3
        if config < 12:
            size = (480, 960, 1920, 2880)[config & 3]
        elif config < 16:
            size = (480, 960)[config & 1]
        else:
            size = (120, 240, 480, 960)[config & 3]
        frames = 1 if code == 0 else 2
        if code == 3:
            if len(payload) < 2:
                raise MediaError("an Opus packet that is cut short")
            frames = payload[1] & 0x3F
        if not 0 < size * frames <= MAX_OPUS * self.rate:
            raise MediaError("an Opus packet of an impossible length")
        return size * frames

    def decode(self, payload: bytes) -> Samples:
        return _decode(self._context, payload)


class G711Decoder:
    """PCMU and PCMA (ITU-T G.711): one byte a sample."""

    rate = 8_000
    delay = 0.0

    def __init__(self, name: str) -> None:
        self._context = _context(G711_LIBRARY[name], self.rate)

    def duration(self, payload: bytes) -> int:
        if not 0 < len(payload) <= self.rate // 5:
            raise MediaError("a G.711 packet of an impossible length")
        return len(payload)

    def decode(self, payload: bytes) -> Samples:
        return _decode(self._context, payload)


def audio_decoder(codec: RTCRtpCodecParameters) -> AudioDecoder:
    """A decoder for a negotiated codec."""
    name = codec.name.lower()
    return OpusDecoder() if name == "opus" else G711Decoder(name)


def _context(library: str, rate: int) -> AudioCodecContext:
    context = av.CodecContext.create(library, "r")
    assert isinstance(context, AudioCodecContext)
    context.sample_rate = rate
    context.layout = "mono"
    return context


def _decode(context: AudioCodecContext, payload: bytes) -> Samples:
    try:
        frames = context.decode(av.Packet(payload))
    except av.FFmpegError as error:
        raise MediaError(f"a packet that {context.name} cannot decode") from error
    parts = [_mono(frame) for frame in frames]
    return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.float32), *parts])


def _mono(frame: AudioFrame) -> Samples:
    """FFmpeg's decoders give 16-bit samples; the copy as float32 also outlives the decoder's buffer."""
    raw = frame.to_ndarray().reshape(-1)
    pcm: NDArray[np.float32] = raw.astype(np.float32) * np.float32(1 / 32768 if raw.dtype == np.int16 else 1)
    channels = len(frame.layout.channels)
    return pcm.reshape(-1, channels).mean(axis=1) if channels > 1 else pcm
