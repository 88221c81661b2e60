"""The outgoing audio track of one client: its share of the session's encoded audio."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from livehead.media.audio.encoder import PACKET_S
from livehead.media.audio.encoding import AudioEncoding
from livehead.media.rtp.shared_track import SharedTrack
from livehead.media.rtp.track import RtpPayloads


class AudioTrack(SharedTrack):
    """The session's audio. A tick is two packets; the second follows 20 ms after the first.

    While ``voice`` is off nothing is sent, and nothing is encoded for it. The timestamps of what is sent afterwards
    have gone on with media time, and no sequence number is missing: the receiver sees a pause, and lips and voice stay
    together.
    """

    kind = "audio"

    def __init__(self, encoding_of: Callable[[RTCRtpCodecParameters], AudioEncoding], *, voice: bool) -> None:
        super().__init__()
        self.rate = 48_000
        self._encoding_of = encoding_of
        self._encoding: AudioEncoding | None = None
        self._voice = voice
        self._silent = True
        self._paced: deque[tuple[float, RtpPayloads]] = deque()

    @property
    def voice(self) -> bool:
        return self._voice

    @voice.setter
    def voice(self, on: bool) -> None:
        self._voice = on
        self._follow()

    def begin(self, codec: RTCRtpCodecParameters) -> None:
        self._encoding = self._encoding_of(codec)
        self.rate = self._encoding.rate
        self._follow()

    def _follow(self) -> None:
        if self._encoding is None or self.readyState != "live":
            return
        if self._voice:
            self._encoding.join(self)
        else:
            self._encoding.leave(self)
            self._queue.clear()
            self._paced.clear()
            self._silent = True

    async def next_payloads(self) -> RtpPayloads:
        assert self._encoding is not None
        while not self._paced:
            _, tick = await self._queue.get()
            for i, payloads in enumerate(tick.payloads):
                marked = self._silent and i == 0
                self._paced.append((tick.at + i * PACKET_S, replace(payloads, marked=marked)))
            self._silent = False
        due, payloads_due = self._paced.popleft()
        early = due - time.monotonic()
        if early > 0 and not len(self._queue) and not self._encoding.behind:
            await asyncio.sleep(early)
        return payloads_due

    def stop(self) -> None:
        super().stop()
        if self._encoding is not None:
            self._encoding.leave(self)
