"""The outgoing video track of one client: its share of the encoded portrait."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from livehead.media.rtp.rate_control import BitratePolicy
from livehead.media.rtp.shared_track import EncodedTick
from livehead.media.rtp.track import RtpPayloads
from livehead.media.video.encoder import CLOCK_RATE
from livehead.media.video.encoding import TICK, FrameTrack, VideoEncoding
from livehead.media.video.keyframe_requests import KeyframeRequests
from livehead.media.video.narrow_line import NarrowLine

READY_WAIT_S = 0.3
"""How long frames wait for the client's first packet."""

REMEMBERED = 1024
"""Sent ticks that :meth:`VideoTrack.index_of` still knows: 41 s."""


class VideoTrack(FrameTrack):
    """The portrait. It begins with a keyframe, and after frames that could not be sent goes on with one. Where the
    shared bitrate fills the client's line, it sends less: a still picture, a new one now and then, and room for audio.

    ``keyframes`` counts those it took; ``policy`` is there from the first frame on. ``encoding_of`` gives the encoding
    of a negotiated codec; ``on_sent`` is called with a tick's index when its frame went to the socket.
    """

    kind = "video"
    rate = CLOCK_RATE

    def __init__(
        self,
        encoding_of: Callable[[RTCRtpCodecParameters], VideoEncoding],
        on_sent: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__()
        self.keyframes = 0
        self.policy: BitratePolicy | None = None
        self.requests = KeyframeRequests(time.monotonic())
        self._encoding_of = encoding_of
        self._encoding: VideoEncoding | None = None
        self._on_sent = on_sent
        self._size = (0, 0)
        self._line = NarrowLine()
        self._left_out = False
        self._joined = False
        self._needs_keyframe = True
        self._ready = asyncio.Event()
        self._indices: dict[int, int] = {}  # of sent ticks by their timestamps' lower 32 bits, oldest first

    def begin(self, codec: RTCRtpCodecParameters) -> None:
        self._encoding = self._encoding_of(codec)

    def client_ready(self) -> None:
        """The client sent a packet, so it also takes ours. Frames wait for that, :data:`READY_WAIT_S` at most: the
        first one is a keyframe, and a client that missed it shows nothing until it asks for another."""
        self._ready.set()

    def policy_for(self, size: tuple[int, int], start: int | None) -> BitratePolicy:
        if self.policy is None or size != self._size:
            self._size = size
            self.policy = BitratePolicy(*size, start=start)
        return self.policy

    def take(self, tick: EncodedTick) -> None:
        """A frame was encoded. Where too many wait, all of them go, and what comes before the next keyframe: without
        the dropped ones it could not be decoded."""
        if self._queue.full:
            self._queue.drop_all()
            self._needs_keyframe, self._left_out = True, False
        spared = self.policy is not None and self._line.is_spared(self.policy, tick.at)
        if self._needs_keyframe and not tick.keyframe:
            self.requests.wanted |= self._left_out and self._line.is_free(tick.at)
            return
        if spared and not self._affords(tick):
            self._needs_keyframe = self._left_out = True
            return
        self._needs_keyframe = self._left_out = False
        if tick.keyframe:
            self.keyframes += 1
            self.requests.got(tick.at)
        super().take(tick)

    def _affords(self, tick: EncodedTick) -> bool:
        assert self.policy is not None
        octets = sum(map(len, tick.payloads[0].payloads))
        return self._line.take(octets, self.policy.bitrate, tick.at)

    def want_keyframe(self, lost_at: float) -> None:
        """The receiver lost a frame that was sent at ``lost_at`` (monotonic seconds), or before."""
        self.requests.want(lost_at)

    async def next_payloads(self) -> RtpPayloads:
        assert self._encoding is not None
        if not self._ready.is_set():
            await self._wait_until_ready()
        if self.readyState != "live":
            raise MediaStreamError
        if not self._joined:
            self._joined = True
            self._encoding.join(self)
        if self._needs_keyframe and not len(self._queue):
            # Not before: a socket that is stuck would have one made again and again, and not take it.
            self.requests.wanted = True
        _, tick = await self._queue.get()
        return tick.payloads[0]

    async def _wait_until_ready(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_WAIT_S):
                await self._ready.wait()
        self._ready.set()

    def sent(self, payloads: RtpPayloads) -> None:
        index = payloads.timestamp // TICK
        self._indices[payloads.timestamp & 0xFFFFFFFF] = index
        if len(self._indices) > REMEMBERED:
            del self._indices[next(iter(self._indices))]
        if self._on_sent is not None:
            self._on_sent(index)

    def index_of(self, timestamp: int) -> int | None:
        """The index of the sent tick with this timestamp, counted from tick 0 modulo 2³²; ``None`` for one that was not
        sent, or not lately."""
        return self._indices.get(timestamp & 0xFFFFFFFF)

    def stop(self) -> None:
        self._ready.set()
        super().stop()
        if self._encoding is not None:
            self._encoding.leave(self)
