"""A session's audio in one codec, encoded once for all who listen."""

from __future__ import annotations

import time

from livehead.core.block import BLOCK_S, Pcm
from livehead.media.audio.encoder import PACKET_S, SILENCE, AudioEncoder, audio_encoder
from livehead.media.encoding_pool import encode
from livehead.media.rtp.shared_encoding import SharedEncoding
from livehead.media.rtp.shared_track import EncodedTick, SharedTrack
from livehead.media.rtp.track import RtpPayloads


class AudioEncoding(SharedEncoding[Pcm, SharedTrack]):
    """A tick becomes two packets of 20 ms."""

    kind = "audio"
    _encoder: AudioEncoder | None = None

    @property
    def rate(self) -> int:
        """Of the RTP clock, in Hz."""
        return self._codec.clockRate

    @property
    def silence(self) -> bytes:
        """The payload of a silent packet."""
        return SILENCE[self._codec.name.lower()]

    @property
    def behind(self) -> bool:
        """Whether ticks wait to be encoded."""
        return self._task is not None and len(self._ticks) > 0

    def _reset(self) -> None:
        self._encoder = None  # FFmpeg keeps two threads for it

    async def _encode(self, index: int, pcm: Pcm) -> EncodedTick:
        now = time.monotonic()
        if self._encoder is None:
            self._encoder = await encode(audio_encoder, self._codec)
        payloads = await encode(self._encoder.encode, pcm)
        start = index * round(BLOCK_S * self.rate)
        packet = round(PACKET_S * self.rate)
        packets = [RtpPayloads([payload], start + i * packet) for i, payload in enumerate(payloads)]
        return EncodedTick(index, now, tuple(packets))
