"""The outgoing audio track: the playout's samples, encoded, as RTP payloads."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from livehead.core.block import BLOCK_S, Pcm
from livehead.media.audio.encoder import PACKET_S, AudioEncoder, audio_encoder
from livehead.media.encoding_pool import encode
from livehead.media.rtp.tick_queue import TickQueue
from livehead.media.rtp.track import PacedTrack, RtpPayloads


class AudioTrack(PacedTrack):
    """The session's audio. A tick is two packets; the second follows 20 ms after the first."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.rate = 48_000
        self.ticks: TickQueue[Pcm] = TickQueue()
        self._encoder: AudioEncoder | None = None
        self._paced: deque[tuple[float, RtpPayloads]] = deque()

    def begin(self, codec: RTCRtpCodecParameters) -> None:
        self._encoder = audio_encoder(codec)
        self.rate = self._encoder.rate
        self.ticks.open()

    async def next_payloads(self) -> RtpPayloads:
        while not self._paced:
            index, pcm = await self.ticks.get()
            assert self._encoder is not None
            now = time.monotonic()
            try:
                payloads = await encode(self._encoder.encode, pcm)
            except Exception as error:  # noqa: BLE001 - whatever failed, the next tick may not
                self._skip(error)
                continue
            self._note_encoded()
            start = index * round(BLOCK_S * self.rate)
            for i, payload in enumerate(payloads):
                timestamp = start + i * round(PACKET_S * self.rate)
                self._paced.append((now + i * PACKET_S, RtpPayloads([payload], timestamp)))
        due, payloads_due = self._paced.popleft()
        early = due - time.monotonic()
        if early > 0 and not len(self.ticks):
            await asyncio.sleep(early)
        return payloads_due

    def stop(self) -> None:
        self.ticks.end()
        self._encoder = None  # FFmpeg keeps two threads for it
        super().stop()
