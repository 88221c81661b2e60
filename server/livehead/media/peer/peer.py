"""One peer connection as an async context manager: the microphone in, the portrait and its voice out.

    async with Peer(ice_servers, voice=True, on_message=print) as peer:
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
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCRtpTransceiver, RTCSessionDescription
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from livehead.core.block import SAMPLE_RATE, Pcm
from livehead.core.frame import Frame
from livehead.core.limits import CONNECT_S
from livehead.errors import UnavailableError, UnprocessableError
from livehead.media.audio.ingest import AudioChunk, AudioQueue, Ingest
from livehead.media.audio.track import AudioTrack
from livehead.media.peer.addresses import AddressPolicy
from livehead.media.peer.aiortc_inputs import guard_inputs
from livehead.media.peer.aiortc_parts import (
    check_private_names,
    client_candidate,
    prefer,
    send_only,
    use_receiver,
    use_sender,
)
from livehead.media.peer.channel import LABEL, Channel
from livehead.media.peer.checks import CheckBudget, bound_checks
from livehead.media.peer.client_traffic import ClientTraffic
from livehead.media.peer.closing import CLOSE_TIMEOUT, close_connection
from livehead.media.peer.gathering import gather_at
from livehead.media.peer.media_addresses import ANY_PORT, MediaAddresses
from livehead.media.peer.offer import ANY_ADDRESS, CheckedOffer, Need, read_offer
from livehead.media.peer.offered_codecs import AUDIO_CODECS, VIDEO_CODECS
from livehead.media.peer.rejected_lines import reject
from livehead.media.peer.setup_times import SetupTimes
from livehead.media.peer.trickle import Trickle
from livehead.media.peer.viewers import Viewers
from livehead.media.rtp.sender import Sender
from livehead.media.rtp.shared_track import SharedTrack
from livehead.media.video.track import VideoTrack
from livehead.media.watched_task import watched_task
from livehead.turns import turns

logger = logging.getLogger(__name__)

CHANNEL_GRACE = 1.0

PACKETS_PER_S = 500.0
"""From one client: ten times what a microphone sends."""


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server that this side uses itself. ``urls`` as in WebRTC's RTCIceServer."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None


class Peer:
    """One client. It shares what is encoded, and the clock, with the other peers of ``viewers``; without them it has
    its own.

    With ``audio`` ``"required"`` its offer must send a microphone, with ``"optional"`` it may; with ``video``
    ``"required"`` it must take the portrait. ``voice`` says whether audio is sent back from the beginning, if it takes
    any. ``on_message`` gets every text of its data channel of the name ``channel``; ``on_sent`` gets the index of every
    tick whose frame went to its socket. Of its candidates those are tried that ``addresses`` allows; this side's are
    at ``media_addresses``. A client has ``setup_seconds`` from the answer to the end of the DTLS handshake; one that
    sends more than ``packets_per_second`` loses some, and one that sends far more is ended.

    ``heard``, ``connected``, ``shown`` and ``closed`` are events; the first is the client's first valid connectivity
    check, the third the first frame that went to its socket. ``setup`` says when each came.
    ``malformed`` counts packets of the client that nobody could read, ``close_failures`` what failed while closing.
    """

    def __init__(
        self,
        ice_servers: Sequence[IceServer] = (),
        *,
        viewers: Viewers | None = None,
        audio: Need = "required",
        video: Need = "required",
        voice: bool = False,
        channel: str = LABEL,
        on_message: Callable[[str], None] | None = None,
        on_sent: Callable[[int], None] | None = None,
        addresses: AddressPolicy = ANY_ADDRESS,
        media_addresses: MediaAddresses = ANY_PORT,
        setup_seconds: float = CONNECT_S,
        packets_per_second: float = PACKETS_PER_S,
    ) -> None:
        self.heard = asyncio.Event()
        self.connected = asyncio.Event()
        self.closed = asyncio.Event()
        self.shown = asyncio.Event()
        self.setup = SetupTimes()
        self.malformed = self.close_failures = 0
        check_private_names()
        servers = [RTCIceServer(list(s.urls), s.username, s.credential) for s in ice_servers]
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._needs: tuple[Need, Need] = (audio, video)
        self._viewers = Viewers() if viewers is None else viewers
        self._on_sent = on_sent
        self._video_track = VideoTrack(self._viewers.video_encoding, self._note_sent)
        self._audio_track = AudioTrack(self._viewers.audio_encoding, voice=voice)
        self._video_sender: Sender | None = None
        self._audio_chunks = AudioQueue()
        self._ingest = Ingest(self._audio_chunks)
        self._last_media: float | None = None
        self._last_received: float | None = None
        self._setup_seconds = setup_seconds
        self._offer: CheckedOffer | None = None
        self._addresses = addresses
        self._media_addresses = media_addresses
        self._trickle = Trickle(self._pc, addresses)
        self._checks = CheckBudget()
        self._traffic = ClientTraffic(packets_per_second, self._on_flood)
        self._channel = Channel(self._pc, channel, on_message, self._traffic)
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: str | None = None
        self._closing: asyncio.Task[None] | None = None
        self._viewers.add(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def answer(self, offer: str) -> str:
        """Answer an SDP offer. All candidates are in the answer.

        Raises :class:`~livehead.errors.MalformedError`, :class:`~livehead.errors.TooLargeError`,
        :class:`~livehead.errors.UnprocessableError`, or :class:`~livehead.errors.UnavailableError` where no UDP port is
        free, and nothing else; the peer can only be closed then.
        """
        if self._offer is not None:
            raise UnprocessableError("This session is connected already. Open a new one for a new offer.")
        self.setup.offered = time.monotonic()
        await turns().take()
        need_audio, need_video = self._needs
        checked = read_offer(offer, audio=need_audio, video=need_video, addresses=self._addresses)
        self._offer = checked
        self._trickle.begin(checked)
        await turns().take()  # reading the offer took its share of the loop's time
        if self._closing is not None:
            raise UnprocessableError("This session ended before its offer was answered. Open a new one.")
        pc = self._pc
        pc.on("connectionstatechange", self._on_state)
        pc.on("iceconnectionstatechange", self._on_ice_state)
        self._add_media(checked)
        try:
            await pc.setRemoteDescription(RTCSessionDescription(checked.text, "offer"))
            guard_inputs(pc, self._traffic, self._on_malformed, self._on_check)
            gather_at(pc, self._media_addresses)
            bound_checks(pc, self._checks)
            await turns().take()
            await pc.setLocalDescription(await pc.createAnswer())
        except (asyncio.CancelledError, UnavailableError):
            raise
        except Exception as error:
            logger.warning("an offer that passed the checks was refused", exc_info=True)
            raise UnprocessableError(f"This offer cannot be answered ({error}).") from error
        self._start(self._give_up(), "peer-give-up")
        self.setup.answered = time.monotonic()
        return reject(str(pc.localDescription.sdp), checked.rejected)

    def _add_media(self, offer: CheckedOffer) -> None:
        """A transceiver for each m-line, of each kind in the order of the offer: aiortc pairs them so."""
        pc = self._pc
        if offer.has_audio:
            audio = pc.addTransceiver(self._audio_track, "sendrecv")
            self._send(audio, self._audio_track, "audio")
            use_receiver(audio, self._on_packet, partial(self._fail, "receiving audio"), self._viewers.link)
            prefer(audio, AUDIO_CODECS)
        for portrait in offer.videos:
            if portrait:
                video = pc.addTransceiver(self._video_track, "sendonly")
                self._video_sender = self._send(video, self._video_track, "video")
            else:
                video = pc.addTransceiver("video", "inactive")
            send_only(video)
            prefer(video, VIDEO_CODECS)

    def _send(self, transceiver: RTCRtpTransceiver, track: SharedTrack, kind: str) -> Sender:
        failed = partial(self._fail, f"sending {kind}")
        return use_sender(transceiver, track, self._viewers.clock, self._on_feedback, failed, self._viewers.link)

    async def add_candidate(
        self, candidate: str | None, mid: str | None = None, mline_index: int | None = None
    ) -> None:
        """A trickled candidate (its ``candidate:…`` line), or ``None`` or an empty one for the end of candidates. One
        that is of no use, is not allowed, or is one too many is ignored.
        Raises :class:`~livehead.errors.MalformedError`."""
        if candidate is not None and candidate.strip() and self._closing is None:
            await self._trickle.add(candidate, mid, mline_index)

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
    def takes_video(self) -> bool:
        """Whether the client's offer takes the portrait."""
        return self._offer is not None and any(self._offer.videos)

    @property
    def takes_audio(self) -> bool:
        """Whether it takes audio."""
        return self._offer is not None and self._offer.takes_audio

    @property
    def sends_audio(self) -> bool:
        """Whether it offers to send audio."""
        return self._offer is not None and self._offer.sends_audio

    @property
    def voice(self) -> bool:
        """Whether audio is sent back, if the client takes any. It may be set at any time; while it is off nothing is
        sent, and video does not wait for it."""
        return self._audio_track.voice

    @voice.setter
    def voice(self, on: bool) -> None:
        self._audio_track.voice = on

    @property
    def dropped(self) -> int:
        """Ticks that this client did not get because its socket did not take them."""
        return self._video_track.dropped + self._audio_track.dropped

    @property
    def candidates_refused(self) -> int:
        """How many of its candidates were not allowed."""
        return self._trickle.refused

    @property
    def concealed_s(self) -> float:
        """Seconds of the client's voice that did not come in time and were made up. Its own pauses count too."""
        return self._ingest.concealed / SAMPLE_RATE

    def index_of(self, rtp: int) -> int | None:
        """The tick whose frame went to this client with the RTP timestamp ``rtp``, as its
        ``requestVideoFrameCallback`` reports it; ``None`` where none did in the last 40 s."""
        sender = self._video_sender
        return None if sender is None else self._video_track.index_of(sender.timestamp_of(rtp))

    def send_frame(self, frame: Frame, index: int) -> None:
        """Send a frame as tick ``index`` of 40 ms, to all viewers. Never blocks; an index that does not rise is
        ignored."""
        self._viewers.send_frame(frame, index)

    def send_audio(self, pcm: Pcm, index: int) -> None:
        """Send 640 samples as tick ``index``, to all viewers that take audio and whose ``voice`` is on."""
        self._viewers.send_audio(pcm, index)

    @property
    def channel(self) -> str:
        """The name of its data channel."""
        return self._channel.label

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
            self._audio_track.stop()
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await turns().take()
            self.close_failures += await close_connection(self._pc)
            if tasks:
                await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT)
        finally:
            self._ingest.end()
            self._viewers.remove(self)
            self.closed.set()

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
        self._ingest.receive(packet, codec)

    def _note_sent(self, index: int) -> None:
        if self.setup.frame is None:
            self.setup.frame = time.monotonic()
            self.shown.set()
        self._viewers.note_sent(index)
        if self._on_sent is not None:
            self._on_sent(index)

    def _on_feedback(self) -> None:
        self._last_received = time.monotonic()

    def _on_check(self) -> None:
        if self.setup.heard is None:
            self.setup.heard = time.monotonic()
        self.heard.set()

    def _on_ice_state(self) -> None:
        if self.setup.ice is None and self._pc.iceConnectionState in ("connected", "completed"):
            self.setup.ice = time.monotonic()

    def _on_state(self) -> None:
        state = self._pc.connectionState
        if state == "connected":
            if self.setup.connected is None:
                self.setup.connected = time.monotonic()
                self.setup.candidate = client_candidate(self._pc)
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
