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
from livehead.media.rtp.shared_track import EncodedTick, SharedTrack
from livehead.media.rtp.track import RtpPayloads

FADE_PACKETS = 5
"""Silent packets that are sent when voice goes off. Without them a receiver goes on with what it heard last, for a
fifth of a second."""


class AudioTrack(SharedTrack):
    """The session's audio. A tick is two packets; the second follows 20 ms after the first.

    While ``voice`` is off nothing is encoded for it, and after a few silent packets nothing is sent. The timestamps of
    what is sent afterwards have gone on with media time, and no sequence number is missing: the receiver sees a pause,
    and lips and voice stay together.
    """

    kind = "audio"

    def __init__(self, encoding_of: Callable[[RTCRtpCodecParameters], AudioEncoding], *, voice: bool) -> None:
        super().__init__()
        self.rate = 48_000
        self._encoding_of = encoding_of
        self._encoding: AudioEncoding | None = None
        self._voice = voice
        self._silent = True
        self._last = -1, 0.0, -1  # what is sent now: index, due time in monotonic seconds, timestamp
        self._paced: deque[tuple[int, float, RtpPayloads]] = deque()

    @property
    def voice(self) -> bool:
        return self._voice

    @voice.setter
    def voice(self, on: bool) -> None:
        if on != self._voice:
            self._voice = on
            self._follow()

    def begin(self, codec: RTCRtpCodecParameters) -> None:
        self._encoding = self._encoding_of(codec)
        self.rate = self._encoding.rate
        self._follow()

    def _follow(self) -> None:
        if self._encoding is None or self.readyState != "live":
            return
        self._queue.clear()
        self._paced.clear()
        if self._voice:
            self._encoding.join(self)
        else:
            self._encoding.leave(self)
            if not self._silent:
                self._queue.put(*self._fade(self._encoding))
            self._silent = True

    def _fade(self, encoding: AudioEncoding) -> tuple[int, EncodedTick]:
        index, due, timestamp = self._last
        step = round(PACKET_S * self.rate)
        packets = [RtpPayloads([encoding.silence], timestamp + i * step) for i in range(1, FADE_PACKETS + 1)]
        return index + 1, EncodedTick(index + 1, due + PACKET_S, tuple(packets))

    async def next_payloads(self) -> RtpPayloads:
        assert self._encoding is not None
        while not self._paced:
            _, tick = await self._queue.get()
            for i, payloads in enumerate(tick.payloads):
                if payloads.timestamp > self._last[2]:  # a tick in which voice came back may be silent in part
                    marked = replace(payloads, marked=self._silent and self._voice)
                    self._paced.append((tick.index, tick.at + i * PACKET_S, marked))
                    self._silent = not self._voice
        index, due, payloads_due = self._paced.popleft()
        self._last = index, due, payloads_due.timestamp
        early = due - time.monotonic()
        if early > 0 and not len(self._queue) and not self._encoding.behind:
            await asyncio.sleep(early)
        return payloads_due

    def stop(self) -> None:
        super().stop()
        if self._encoding is not None:
            self._encoding.leave(self)
