"""One peer connection as an async context manager: the microphone in, the portrait and its voice out.

    async with Peer(ice_servers, voice=False, on_message=print) as peer:
        answer = await peer.answer(offer)
        await peer.connected.wait()
        async for sound in peer.sound: ...
        peer.show(picture, index); peer.speak(pcm, index)      # once a tick, from the playout

The connection ends with the block, or when the other side is gone: then ``closed`` is set.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

from aioice import Candidate
from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.rtcrtpparameters import RTCRtpCodecCapability, RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from livehead.core.media import Pcm, Picture
from livehead.errors import MalformedError, UnprocessableError
from livehead.media.clock import MediaClock
from livehead.media.ingest import Ingest, Sound, Sounds
from livehead.media.offer import AUDIO_CODECS, MAX_CANDIDATES, VIDEO_CODECS, read_candidate, read_offer
from livehead.media.receiver import Receiver
from livehead.media.sender import Sender
from livehead.media.tracks import PacedTrack, PictureTrack, VoiceTrack

logger = logging.getLogger(__name__)

CHANNEL = "livehead"
MAX_MESSAGE = 64 * 1024
MAX_BUFFERED = 256 * 1024
CHANNEL_GRACE = 1.0
CLOSE_TIMEOUT = 5.0
CONNECT_TIMEOUT = 30.0
"""A client that was answered and is not connected after so long has gone, or cannot reach this server."""

GATHER_TIMEOUT = 2
"""How long a STUN or TURN server may take; without it the answer goes out with what there is."""


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server that this side uses itself. ``urls`` as in WebRTC's RTCIceServer."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None


class Peer:
    """One client. ``voice`` sends sound back; ``on_message`` gets every text of the data channel ``livehead``.

    ``connected`` and ``closed`` are events. ``dropped`` counts ticks that the encoders were too slow for.
    """

    def __init__(
        self,
        ice_servers: Sequence[IceServer] = (),
        *,
        voice: bool = False,
        on_message: Callable[[str], None] | None = None,
    ) -> None:
        self.connected = asyncio.Event()
        self.closed = asyncio.Event()
        servers = [RTCIceServer(list(s.urls), s.username, s.credential) for s in ice_servers]
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._on_message = on_message
        self._pictures = PictureTrack()
        self._voice = VoiceTrack() if voice else None
        self._sounds = Sounds()
        self._ingest = Ingest(self._sounds)
        self._clock = MediaClock()
        self._last_media: float | None = None
        self._last_heard: float | None = None
        self._answered = False
        self._candidates = 0
        self._channel: RTCDataChannel | None = None
        self._fragments: frozenset[str] = frozenset()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def answer(self, offer: str) -> str:
        """Answer an SDP offer. All candidates are in the answer.

        Raises :class:`~livehead.errors.MalformedError` or :class:`~livehead.errors.UnprocessableError`, and
        nothing else; the peer can only be closed then.
        """
        if self._answered:
            raise UnprocessableError("This session is connected already. Open a new one for a new offer.")
        checked = read_offer(offer)
        self._answered = True
        self._fragments = checked.fragments
        pc = self._pc
        pc.on("datachannel", self._on_channel)
        pc.on("connectionstatechange", self._on_state)
        audio = pc.addTransceiver(self._voice or "audio", "sendrecv" if self._voice else "recvonly")
        video = pc.addTransceiver(self._pictures, "sendonly")
        self._equip(audio, self._voice)
        self._equip(video, self._pictures)
        # Preferences that come after the remote description would be ignored, and VP8 taken.
        audio.setCodecPreferences(_preferences("audio", AUDIO_CODECS))
        video.setCodecPreferences(_preferences("video", VIDEO_CODECS))
        try:
            await pc.setRemoteDescription(RTCSessionDescription(checked.text, "offer"))
            _reach_loopback(pc)
            await pc.setLocalDescription(await pc.createAnswer())
        except asyncio.CancelledError:
            raise
        except Exception as error:
            logger.warning("an offer that passed the checks was refused", exc_info=True)
            raise UnprocessableError(f"This offer cannot be answered ({error}).") from error
        self._own(asyncio.create_task(self._give_up(), name="peer-give-up"))
        return str(pc.localDescription.sdp)

    async def add_candidate(
        self, candidate: str | None, mid: str | None = None, mline_index: int | None = None
    ) -> None:
        """A trickled candidate (its ``candidate:…`` line), or ``None`` or an empty one for the end of candidates.
        Raises :class:`~livehead.errors.MalformedError`."""
        if candidate is None or not candidate.strip() or self._closing is not None:
            return
        parsed = read_candidate(candidate)
        self._candidates += 1
        if parsed is None or not self._answered or self._candidates > MAX_CANDIDATES:
            return
        parsed.sdpMid = mid
        parsed.sdpMLineIndex = mline_index if mid is not None or mline_index is not None else 0
        try:
            await self._pc.addIceCandidate(parsed)
        except ValueError as error:
            raise MalformedError(f"This ICE candidate cannot be used ({error}).") from error

    def is_restart(self, fragment: str) -> bool:
        """Whether an SDP fragment (RFC 8840) asks for an ICE restart: it carries a user name fragment that is new."""
        found = {
            line.strip().removeprefix("a=ice-ufrag:")
            for line in fragment.splitlines()
            if line.strip().startswith("a=ice-ufrag:")
        }
        return bool(found - self._fragments)

    @property
    def last_media(self) -> float | None:
        """Monotonic time in seconds at which the client last sent a packet of sound; ``None`` before the first."""
        return self._last_media

    @property
    def last_heard(self) -> float | None:
        """The same for sound or a report on what it gets: a client without a microphone still reports about once
        a second."""
        return self._last_heard

    @property
    def sound(self) -> AsyncIterator[Sound]:
        """The client's voice, in order; ends when the peer is closed. For one reader."""
        return self._sounds

    @property
    def dropped(self) -> int:
        return self._pictures.ticks.dropped + (self._voice.ticks.dropped if self._voice else 0)

    def show(self, picture: Picture, index: int) -> None:
        """Send a picture as tick ``index`` of 40 ms. Never blocks; an index that does not rise is ignored."""
        if self._pictures.ticks.put(index, picture):
            self._clock.tick(index)

    def speak(self, pcm: Pcm, index: int) -> None:
        """Send 640 samples as tick ``index``. Without ``voice`` nothing is sent."""
        if self._voice is not None and self._voice.ticks.put(index, pcm):
            self._clock.tick(index)

    def send(self, text: str) -> bool:
        """Send a text on the data channel; ``False`` where there is none yet or the client does not keep up."""
        channel = self._channel
        if channel is None or channel.readyState != "open" or channel.bufferedAmount > MAX_BUFFERED:
            return False
        channel.send(text)
        return True

    async def close(self) -> None:
        """End the connection. Bounded in time; twice is once."""
        await asyncio.shield(self._start_closing())

    def _start_closing(self) -> asyncio.Task[None]:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="peer-close")
        return self._closing

    async def _close(self) -> None:
        self._pictures.stop()
        if self._voice is not None:
            self._voice.stop()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._pc.close()
        except TimeoutError:
            logger.warning("a peer connection did not close within %g s", CLOSE_TIMEOUT)
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT)
        self._ingest.end()
        self.closed.set()

    def _own(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _equip(self, transceiver: RTCRtpTransceiver, track: PacedTrack | None) -> None:
        """Put our own sender and receiver into a new transceiver. aiortc makes its own and has no place to say
        otherwise, so the two private fields that hold them are replaced, in this one object."""
        stock = transceiver.sender
        if track is not None:
            sender = Sender(track, stock.transport, self._clock, self._on_feedback)
            sender._stream_id = stock._stream_id
            _replace(transceiver, "_RTCRtpTransceiver__sender", sender)
        if transceiver.kind == "audio":
            receiver = Receiver("audio", stock.transport, self._on_packet)
            receiver._set_rtcp_ssrc(transceiver.sender._ssrc)
            _replace(transceiver, "_RTCRtpTransceiver__receiver", receiver)

    def _on_packet(self, packet: RtpPacket, codec: RTCRtpCodecParameters) -> None:
        self._last_media = self._last_heard = time.monotonic()
        self._ingest.receive(packet, codec)

    def _on_feedback(self) -> None:
        self._last_heard = time.monotonic()

    def _on_state(self) -> None:
        state = self._pc.connectionState
        if state == "connected":
            self.connected.set()
            if self._pc.sctp is not None and self._channel is None:
                self._own(asyncio.create_task(self._open_channel(), name="peer-channel"))
        elif state in ("failed", "closed"):
            self._start_closing()

    async def _give_up(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await self.connected.wait()
        except TimeoutError:
            self._start_closing()

    async def _open_channel(self) -> None:
        await asyncio.sleep(CHANNEL_GRACE)
        if self._channel is None and self._closing is None:
            with contextlib.suppress(ConnectionError):
                self._on_channel(self._pc.createDataChannel(CHANNEL))

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if channel.label != CHANNEL:
            return
        self._channel = channel
        channel.on("message", self._on_text)

    def _on_text(self, message: str | bytes) -> None:
        if self._on_message is None or not isinstance(message, str) or len(message) > MAX_MESSAGE:
            return
        try:
            self._on_message(message)
        except Exception:
            # The data channel calls from inside the transport's own task, which must not end with it.
            logger.exception("a message on the data channel could not be handled")


def _preferences(kind: str, names: Sequence[str]) -> list[RTCRtpCodecCapability]:
    def rank(codec: RTCRtpCodecCapability) -> tuple[int, bool]:
        profile = str(codec.parameters.get("profile-level-id", ""))
        return names.index(codec.name.lower()), profile.lower() != "42e01f"

    codecs = RTCRtpSender.getCapabilities(kind).codecs
    chosen = sorted((c for c in codecs if c.name.lower() in names), key=rank)
    return chosen + [c for c in codecs if c.name.lower() == "rtx"]


def _replace(owner: object, name: str, value: object) -> None:
    if not hasattr(owner, name):
        raise RuntimeError(f"this version of aiortc has no {name}; Livehead needs to be adapted to it")
    setattr(owner, name, value)


def _reach_loopback(pc: RTCPeerConnection) -> None:
    """Without any network the loopback is the only way to a client on the same machine, and aioice leaves it out."""
    for gatherer in {t.receiver.transport.transport.iceGatherer for t in pc.getTransceivers()}:
        connection = gatherer._connection
        _replace(connection, "get_component_candidates", partial(_gather, connection.get_component_candidates))


async def _gather(
    original: Callable[[int, list[str], int], Awaitable[list[Candidate]]], component: int, addresses: list[str]
) -> list[Candidate]:
    return await original(component, addresses or ["127.0.0.1"], GATHER_TIMEOUT)
