"""The peer connection of a call, on aiortc."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import math
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import av
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket, RtpPacket

from livehead.client.call.microphone import Microphone
from livehead.client.call.pairing import Pairing, Sound
from livehead.client.call.sender_clock import SenderClock

CLOSE_S = 5.0
"""How long the connection may take to close."""

NTP_FRACTION = 1 << 32

GATHER_S = 2
"""How long a STUN or TURN server, and the name server that knows it, may take; aiortc gives them 5 s."""

GAP_S = 0.5
"""Where nothing came for so long, what was lost does not come any more."""

OLD_S = 0.2
"""What comes so soon after a gap may have waited in the socket while this process slept: it is old, and not played."""

logger = logging.getLogger(__name__)


class CallPeer:
    """Receives pictures and sound, and sends a :class:`Microphone` where there is one.

    ``on_text`` is given the messages of the data channel; ``on_closed`` is called when the connection has ended. To be
    made on a running event loop.
    """

    def __init__(
        self,
        ice_servers: list[RTCIceServer],
        microphone: Microphone | None,
        on_text: Callable[[str], None],
        on_closed: Callable[[], None],
    ) -> None:
        self.pairing: Pairing[av.VideoFrame] = Pairing()
        self.news = asyncio.Event()
        """Something came that may complete a pair, or the connection ended."""
        self.connected = asyncio.Event()
        """Set when the connection has ended, too."""
        self.closed = False
        self.hung_up = asyncio.Event()
        """The other end has closed the connection."""
        self.seen_at = time.monotonic()
        """When the last picture came."""
        self._microphone = microphone
        self._on_closed = on_closed
        self._tasks: list[asyncio.Task[None]] = []
        # One port, and one address of a TURN relay, for all.
        self._pc = RTCPeerConnection(RTCConfiguration(ice_servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._pc.on("track", self._on_track)
        self._pc.on("connectionstatechange", self._on_state)
        if microphone is not None:
            self._pc.addTrack(microphone)
        else:
            self._pc.addTransceiver("audio", direction="recvonly")
        self._pc.addTransceiver("video", direction="recvonly")
        for transceiver in self._pc.getTransceivers():
            clock = self.pairing.audio if transceiver.kind == "audio" else self.pairing.video
            _follow(transceiver.receiver, clock, keyframes=transceiver.kind == "video")
        self._channel = self._pc.createDataChannel("livehead")
        self._channel.on("message", lambda text: on_text(text) if isinstance(text, str) else None)

    async def offer(self) -> str:
        """The SDP offer, with all candidates that are there in time."""
        private: Any = self._pc
        for ice in {each.receiver.transport.transport.iceGatherer for each in private.getTransceivers()}:
            ice._connection.get_component_candidates = partial(
                ice._connection.get_component_candidates, timeout=GATHER_S
            )
        await self._pc.setLocalDescription(await self._pc.createOffer())
        return str(self._pc.localDescription.sdp)

    async def accept(self, answer: str) -> None:
        """Raises ValueError for what is no answer to the offer."""
        await self._pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    def has_moved(self) -> bool:
        """Whether this machine has lost the address that the call's packets go out from: it is on another network now,
        and nothing that is sent to the old address comes any more."""
        ice: Any = self._pc.getTransceivers()[0].receiver.transport.transport.iceGatherer
        for pair in ice._connection._nominated.values():
            local = pair.local_candidate
            if local.type == "host" and not _is_own(local.host):
                return True
        return False

    def send(self, text: str) -> None:
        """On the data channel; left out while it is not open."""
        if self._channel.readyState == "open":
            self._channel.send(text)

    def abandon(self) -> None:
        """Nothing more comes from it, and its microphone is free for another one. Twice is once."""
        for sender in self._pc.getSenders():
            if self._microphone is not None and sender.track is self._microphone:
                sender.replaceTrack(None)
        self._microphone = None
        self._end()

    async def close(self) -> None:
        """Twice is once."""
        self._end()
        if self._microphone is not None:
            self._microphone.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._pc.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.create_task(self._receive(track), name=f"call-{track.kind}"))

    def _on_state(self) -> None:
        if self._pc.connectionState == "closed" and not self.closed:
            self.hung_up.set()
        if self._pc.connectionState == "connected":
            self.connected.set()
        elif self._pc.connectionState in ("failed", "closed"):
            self._end()

    def _end(self) -> None:
        if not self.closed:
            self.closed = True
            self.connected.set()
            self.news.set()
            self._on_closed()

    async def _receive(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                assert frame.pts is not None
                if isinstance(frame, av.VideoFrame):
                    self.seen_at = time.monotonic()
                    self.pairing.add_picture(frame.pts, frame)
                elif isinstance(frame, av.AudioFrame):
                    self.pairing.add_sound(frame.pts, _mono(frame))
                self.news.set()


def _is_own(address: str) -> bool:
    """Whether this machine has the IP address."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((address, 0))
        except OSError as error:
            return error.errno != errno.EADDRNOTAVAIL
    return True


def _follow(receiver: RTCRtpReceiver, clock: SenderClock, *, keyframes: bool) -> None:
    """aiortc keeps neither the sender's reports nor the timestamps that they are about: its frames count from the
    first one. Both are taken from this one receiver. After a gap its jitter buffer waits for what was lost until it is
    full, and stays full: so it begins anew then, with a keyframe, behind what is old."""
    private: Any = receiver
    private._RTCRtpReceiver__timestamp_mapper = clock.timestamps
    take_report, take_packet = private._handle_rtcp_packet, private._handle_rtp_packet
    received_at, begins_at = math.inf, 0.0

    async def report(packet: AnyRtcpPacket) -> None:
        await take_report(packet)
        if isinstance(packet, RtcpSrPacket):
            clock.report(packet.sender_info.ntp_timestamp / NTP_FRACTION, packet.sender_info.rtp_timestamp)

    async def receive(packet: RtpPacket, arrival_time_ms: int) -> None:
        nonlocal received_at, begins_at
        now = time.monotonic()
        if now - received_at > GAP_S:
            begins_at = now + OLD_S
        received_at = now
        if now < begins_at:
            return
        if begins_at:
            begins_at = 0.0
            buffer = private._RTCRtpReceiver__jitter_buffer
            buffer.remove(buffer.capacity)
            buffer._origin = None
            if keyframes:
                await private._send_rtcp_pli(packet.ssrc)
        await take_packet(packet, arrival_time_ms)

    private._handle_rtcp_packet = report
    private._handle_rtp_packet = receive


def _mono(frame: av.AudioFrame) -> Sound:
    samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))
    return samples[:, 0].astype(np.int16)  # both channels are the same
