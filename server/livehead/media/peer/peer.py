"""One peer connection as an async context manager: the microphone in, the portrait and its voice out.

    async with Peer(ice_servers, send_audio=False, on_message=print) as peer:
        answer = await peer.answer(offer)
        await peer.connected.wait()
        async for audio in peer.audio: ...
        peer.send_frame(frame, index); peer.send_audio(pcm, index)      # once a tick, from the playout

The connection ends with the block, when the other side is gone, or when a part of it fails: then ``closed`` is set,
and ``failure`` says what failed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from livehead.core.block import SAMPLE_RATE, Pcm
from livehead.core.frame import Frame
from livehead.core.limits import CONNECT_S, MAX_CANDIDATES, MAX_REMOTE_CANDIDATES
from livehead.errors import MalformedError, UnprocessableError
from livehead.media.audio.ingest import AudioChunk, AudioQueue, Ingest
from livehead.media.audio.track import AudioTrack
from livehead.media.peer.addresses import AddressPolicy
from livehead.media.peer.aiortc_inputs import guard_inputs
from livehead.media.peer.aiortc_parts import (
    check_private_names,
    closing_steps,
    prefer,
    reach_loopback,
    use_receiver,
    use_sender,
)
from livehead.media.peer.candidates import read_candidate
from livehead.media.peer.channel import Channel
from livehead.media.peer.checks import CheckBudget, bound_checks
from livehead.media.peer.client_traffic import ClientTraffic
from livehead.media.peer.offer import ANY_ADDRESS, CheckedOffer, read_offer
from livehead.media.peer.offered_codecs import AUDIO_CODECS, VIDEO_CODECS
from livehead.media.rtp.clock import MediaClock
from livehead.media.video.track import VideoTrack
from livehead.media.watched_task import watched_task

logger = logging.getLogger(__name__)

CHANNEL_GRACE = 1.0
CLOSE_TIMEOUT = 5.0

PACKETS_PER_S = 500.0
"""From one client: ten times what a microphone sends."""


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server that this side uses itself. ``urls`` as in WebRTC's RTCIceServer."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None


class Peer:
    """One client. ``send_audio`` sends audio back; without ``receive_audio`` the client needs no microphone, and its
    audio is ignored; ``on_message`` gets every text of the data channel ``livehead``; ``on_sent`` gets the index of
    every tick whose frame went to the socket. Of its candidates those are tried that ``addresses`` allows. A client has
    ``setup_seconds`` from the answer to the end of the DTLS handshake; one that sends more than
    ``packets_per_second`` loses some, and one that sends far more is ended.

    ``heard``, ``connected`` and ``closed`` are events; the first is the client's first valid connectivity check.
    ``dropped`` counts ticks that the encoders were too slow for, ``candidates_refused`` candidates not allowed,
    ``malformed`` packets of the client that nobody could read, ``close_failures`` what failed while closing.
    """

    def __init__(
        self,
        ice_servers: Sequence[IceServer] = (),
        *,
        send_audio: bool = False,
        receive_audio: bool = True,
        on_message: Callable[[str], None] | None = None,
        on_sent: Callable[[int], None] | None = None,
        addresses: AddressPolicy = ANY_ADDRESS,
        setup_seconds: float = CONNECT_S,
        packets_per_second: float = PACKETS_PER_S,
    ) -> None:
        self.heard = asyncio.Event()
        self.connected = asyncio.Event()
        self.closed = asyncio.Event()
        self.malformed = self.close_failures = self.candidates_refused = 0
        check_private_names()
        servers = [RTCIceServer(list(s.urls), s.username, s.credential) for s in ice_servers]
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._video_track = VideoTrack(on_sent)
        self._audio_track = AudioTrack() if send_audio else None
        self._receive_audio = receive_audio
        self._audio_chunks = AudioQueue()
        self._ingest = Ingest(self._audio_chunks)
        self._clock = MediaClock()
        self._last_media: float | None = None
        self._last_received: float | None = None
        self._setup_seconds = setup_seconds
        self._addresses = addresses
        self._offer: CheckedOffer | None = None
        self._candidates = self._candidates_used = 0
        self._checks = CheckBudget()
        self._traffic = ClientTraffic(packets_per_second, self._on_flood)
        self._channel = Channel(self._pc, on_message, self._traffic)
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: str | None = None
        self._closing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def answer(self, offer: str) -> str:
        """Answer an SDP offer. All candidates are in the answer.

        Raises :class:`~livehead.errors.MalformedError`, :class:`~livehead.errors.TooLargeError` or
        :class:`~livehead.errors.UnprocessableError`, and nothing else; the peer can only be closed then.
        """
        if self._offer is not None:
            raise UnprocessableError("This session is connected already. Open a new one for a new offer.")
        checked = read_offer(offer, receive_audio=self._receive_audio, addresses=self._addresses)
        self._offer = checked
        self._candidates_used += checked.candidates
        self.candidates_refused += checked.refused
        await asyncio.sleep(0)  # reading the offer took its share of the loop's time
        if self._closing is not None:
            raise UnprocessableError("This session ended before its offer was answered. Open a new one.")
        pc = self._pc
        pc.on("connectionstatechange", self._on_state)
        audio = pc.addTransceiver(self._audio_track or "audio", "sendrecv" if self._audio_track else "recvonly")
        video = pc.addTransceiver(self._video_track, "sendonly")
        if self._audio_track is not None:
            use_sender(audio, self._audio_track, self._clock, self._on_feedback, partial(self._fail, "sending audio"))
        use_sender(video, self._video_track, self._clock, self._on_feedback, partial(self._fail, "sending video"))
        use_receiver(audio, self._on_packet, partial(self._fail, "receiving audio"))
        prefer(audio, AUDIO_CODECS)
        prefer(video, VIDEO_CODECS)
        try:
            await pc.setRemoteDescription(RTCSessionDescription(checked.text, "offer"))
            guard_inputs(pc, self._traffic, self._on_malformed, self.heard.set)
            reach_loopback(pc)
            bound_checks(pc, self._checks)
            await pc.setLocalDescription(await pc.createAnswer())
        except asyncio.CancelledError:
            raise
        except Exception as error:
            logger.warning("an offer that passed the checks was refused", exc_info=True)
            raise UnprocessableError(f"This offer cannot be answered ({error}).") from error
        self._start(self._give_up(), "peer-give-up")
        return str(pc.localDescription.sdp)

    async def add_candidate(
        self, candidate: str | None, mid: str | None = None, mline_index: int | None = None
    ) -> None:
        """A trickled candidate (its ``candidate:…`` line), or ``None`` or an empty one for the end of candidates. One
        that is of no use, is not allowed, or is one too many is ignored.
        Raises :class:`~livehead.errors.MalformedError`."""
        offer = self._offer
        if candidate is None or not candidate.strip() or self._closing is not None or offer is None:
            return
        self._candidates += 1
        if self._candidates > MAX_CANDIDATES:
            return
        parsed = read_candidate(candidate)
        for_primary = mid == offer.mid or mline_index == offer.index or (mid is None and mline_index is None)
        if parsed is None or not for_primary:  # the m-lines of a bundle share one transport
            return
        if not self._addresses.allows(parsed.ip, parsed.port):
            self.candidates_refused += 1
            return
        if self._candidates_used >= MAX_REMOTE_CANDIDATES:
            return
        self._candidates_used += 1
        parsed.sdpMid, parsed.sdpMLineIndex = offer.mid, offer.index
        try:
            await self._pc.addIceCandidate(parsed)
        except ValueError as error:
            raise MalformedError(f"This ICE candidate cannot be used ({error}).") from error

    def is_restart(self, ufrag: str | None) -> bool:
        """Whether an ICE user name fragment asks for an ICE restart (RFC 8840): it is not one of the offer's."""
        return ufrag is not None and (self._offer is None or ufrag not in self._offer.fragments)

    @property
    def failure(self) -> str | None:
        """What part of the peer failed, and how; ``None`` while everything works and after an ordinary end. A peer
        that failed closes itself."""
        return self._failure

    @property
    def flooded(self) -> bool:
        """Whether the peer was ended because its client sent far too much."""
        return self._traffic.flooded is not None

    @property
    def refused(self) -> Counter[str]:
        """How many of the client's packets were not read, by reason: ``packets``, ``chunks`` and ``texts`` were too
        many, ``stun`` too many or late, ``strangers`` sent by somebody else, and for ``queue`` there was no room."""
        return self._traffic.refused

    @property
    def last_media(self) -> float | None:
        """Monotonic time in seconds at which the client last sent a packet of audio; ``None`` before the first."""
        return self._last_media

    @property
    def last_received(self) -> float | None:
        """The same for audio or a report on what it gets: a client without a microphone still reports about once
        a second."""
        return self._last_received

    @property
    def audio(self) -> AsyncIterator[AudioChunk]:
        """The client's voice, in order; ends when the peer is closed. For one reader."""
        return self._audio_chunks

    @property
    def dropped(self) -> int:
        return self._video_track.ticks.dropped + (self._audio_track.ticks.dropped if self._audio_track else 0)

    @property
    def concealed_s(self) -> float:
        """Seconds of the client's voice that did not come in time and were made up. Its own pauses count too."""
        return self._ingest.concealed / SAMPLE_RATE

    def send_frame(self, frame: Frame, index: int) -> None:
        """Send a frame as tick ``index`` of 40 ms. Never blocks; an index that does not rise is ignored."""
        if self._video_track.ticks.put(index, frame):
            self._clock.tick(index)

    def send_audio(self, pcm: Pcm, index: int) -> None:
        """Send 640 samples as tick ``index``. Nothing is sent unless the peer was made with ``send_audio``."""
        if self._audio_track is not None and self._audio_track.ticks.put(index, pcm):
            self._clock.tick(index)

    def send_text(self, text: str) -> bool:
        """Send a text on the data channel; ``False`` where there is none yet or the client does not keep up."""
        return self._channel.send(text)

    async def close(self) -> None:
        """End the connection. Bounded in time; never raises but for its caller's own cancellation; may be repeated."""
        await asyncio.shield(self._start_closing())

    def _start_closing(self) -> asyncio.Task[None]:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="peer-close")
        return self._closing

    async def _close(self) -> None:
        """Every step is tried, whatever the ones before it raised."""
        try:
            self._video_track.stop()
            if self._audio_track is not None:
                self._audio_track.stop()
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            if not await self._try_closing("peer connection", self._pc.close):
                for name, step in closing_steps(self._pc):
                    await self._try_closing(name, step)
            if tasks:
                await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT)
        finally:
            self._ingest.end()
            self.closed.set()

    async def _try_closing(self, name: str, step: Callable[[], Awaitable[None]]) -> bool:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await step()
        except TimeoutError:
            logger.warning("the %s could not be closed within %g s", name, CLOSE_TIMEOUT)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            logger.warning("the %s could not be closed: a part of it was cancelled", name)
        except Exception:
            logger.warning("the %s could not be closed", name, exc_info=True)
        else:
            return True
        self.close_failures += 1
        return False

    def _fail(self, part: str, error: Exception) -> None:
        """A part cannot go on: end the peer, and say why."""
        if self._closing is not None:
            logger.debug("%s failed while the peer was closed", part, exc_info=error)
            return
        logger.error("%s failed; the connection is ended", part, exc_info=error)
        self._failure = f"{part} failed: {error!r}"
        self._start_closing()

    def _on_flood(self, what: str) -> None:
        if self._closing is None:
            logger.warning("the client sends far too many %s; the connection is ended", what)
            self._failure = f"flood: the client sent far too many {what}"
            self._start_closing()

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = watched_task(work, name, partial(self._fail, name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_malformed(self, what: str, error: Exception | None) -> None:
        self.malformed += 1
        if self.malformed == 1:
            logger.warning("malformed: %s; this is logged once for each peer", what, exc_info=error)

    def _on_packet(self, packet: RtpPacket, codec: RTCRtpCodecParameters) -> None:
        self._last_media = self._last_received = time.monotonic()
        self._video_track.client_ready()
        if self._receive_audio:
            self._ingest.receive(packet, codec)

    def _on_feedback(self) -> None:
        self._last_received = time.monotonic()

    def _on_state(self) -> None:
        state = self._pc.connectionState
        if state == "connected":
            self.connected.set()
            if self._channel.wanted:
                self._start(self._open_channel(), "peer-channel")
        elif state in ("failed", "closed"):
            self._start_closing()

    async def _give_up(self) -> None:
        try:
            async with asyncio.timeout(self._setup_seconds):
                await self.connected.wait()
        except TimeoutError:
            self._start_closing()

    async def _open_channel(self) -> None:
        await asyncio.sleep(CHANNEL_GRACE)
        if self._channel.wanted and self._closing is None:
            self._channel.open()
