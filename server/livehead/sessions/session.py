"""One session is one task group: listen, idle, pace, report, watch."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from livehead.avatars import AvatarStore
from livehead.core.block import BLOCK_S
from livehead.core.ids import new_id
from livehead.core.lifecycle import Event, Lifecycle, State
from livehead.core.limits import CONNECT_S
from livehead.core.messages import (
    Playback,
    Pong,
    Source,
    StateMessage,
    Stats,
    TracedStats,
    decode_channel,
    encode,
    stats_object,
)
from livehead.core.recent_delays import Delays
from livehead.engine.base import Preset
from livehead.engine.host.host import EngineHost, EngineState
from livehead.errors import ConflictError, RequestError, UnprocessableError
from livehead.logs import SessionLog
from livehead.media.peer.peer import IceServer, Peer
from livehead.metrics import Metrics
from livehead.sessions.pipeline import Face, Pipeline
from livehead.sessions.sources.speaker import Speaker
from livehead.settings import MediaSettings

MEDIA_LOST_S = 2.0
"""Without a packet for so long the session says ``degraded``."""

ORPHAN_S = 10.0
"""How long a session outlives its signal socket while media flows."""

ORPHAN_QUIET_S = 1.5
"""Without its socket and without a packet for so long, the client is gone."""

PATIENCE = 2.5
"""So many times as long for a client that sends no audio: then only its reports tell that it is there, and they
come about once a second."""

LISTENS_S = 0.3
"""After so long a client that is connected plays what it gets: pushed speech begins no sooner."""

POLL_S = 0.25
CONNECT_POLL_S = 0.02
RETIRE_S = 2.0

logger = logging.getLogger(__name__)

Listener = Callable[[StateMessage | Stats], None]


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """What a client asks for. ``seed`` None takes a random one; ``voice`` None sends pushed speech back, and the
    microphone not."""

    avatar: str
    latency: str
    voice: bool | None = None
    source: Source = "mic"
    probe: bool = False
    seed: int | None = None

    @property
    def pushed(self) -> bool:
        return self.source == "push"

    @property
    def speaks(self) -> bool:
        return self.pushed if self.voice is None else self.voice


class Session:
    """``closed`` is set when the peer connection is closed and the engine's stream is given back."""

    def __init__(
        self,
        request: SessionRequest,
        media: MediaSettings,
        host: EngineHost,
        avatars: AvatarStore,
        metrics: Metrics,
        delays: Delays,
    ) -> None:
        """Raises UnprocessableError for an unknown latency preset."""
        self.id = new_id()
        self.etag = f'"{new_id()}"'
        self.closed = asyncio.Event()
        self._request = request
        self._avatar = request.avatar
        self._latency = request.latency
        self._seed = secrets.randbits(32) if request.seed is None else request.seed
        self._media = media
        self._host = host
        self._avatars = avatars
        self._metrics = metrics
        self._log = SessionLog(logger, {"session": self.id})
        self._lifecycle = Lifecycle()
        self._listeners: list[Listener] = []
        self._opened_at = time.monotonic()
        self._connected_at: float | None = None
        self._orphaned_at: float | None = None
        self._ending = asyncio.Event()
        self._reason = "failed"
        self._stats: Stats | None = None
        self._choosing = asyncio.Lock()
        self._group: asyncio.TaskGroup | None = None
        preset = self._preset(request.latency)
        servers = [IceServer(media.stun_urls)] if media.stun_urls else []
        self._peer = Peer(
            servers,
            send_audio=request.speaks,
            receive_audio=not request.pushed,
            on_message=self._on_text,
            on_sent=self._on_sent,
        )
        self._pipeline = Pipeline(
            preset,
            self._peer,
            metrics,
            with_probe=request.probe,
            pushed=request.pushed,
            on_delay=lambda ms: delays.note(self._latency, ms),
        )
        self._speaker: Speaker | None = None

    async def open(self, offer: str) -> str:
        """Answer the offer and open the engine's stream, side by side; :meth:`run` must follow.

        Raises what :meth:`Peer.answer`, :meth:`AvatarStore.portrait` and :meth:`EngineHost.open` raise; nothing
        is left behind then.
        """
        opening = asyncio.create_task(self._open_face(self._avatar), name="session-open")
        try:
            answer = await self._peer.answer(offer)
            self._pipeline.wear(await opening)
        except BaseException:
            opening.cancel()
            await asyncio.wait([opening])
            if not opening.cancelled() and opening.exception() is None:
                await _close_face(opening.result())
            await self._peer.close()
            raise
        return answer

    async def run(self) -> None:
        """Serve until :meth:`end`, or until the client is gone. Never raises but for its own cancellation."""
        self._log.info("open, avatar %s, latency %s", self._avatar, self._latency)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                parts = (self._listen(), self._idle(), self._pipeline.pace(), self._report(), self._watch())
                tasks = [group.create_task(part) for part in parts]
                await self._ending.wait()
                for task in tasks:
                    task.cancel()
        except* Exception as errors:  # noqa: BLE001 - one session must not end the others
            self._log.error("failed", exc_info=errors)
        finally:
            await self._close()

    def end(self, reason: str) -> None:
        """Ask it to end; ``closed`` says when it has. ``reason`` is one word for state, metrics and log."""
        if not self._ending.is_set():
            self._reason = reason
            self._ending.set()

    def drain(self) -> None:
        """Tell the client that the server will go away."""
        self._on(Event.DRAIN, "draining")

    def orphan(self) -> None:
        """The signal socket ended: so does the session, in 10 s or when no media flows."""
        self._orphaned_at = time.monotonic()

    @property
    def state(self) -> StateMessage:
        return StateMessage(self._lifecycle.state, self._lifecycle.reason)

    @property
    def latency(self) -> str:
        """The name of its preset."""
        return self._latency

    def subscribe(self, listener: Listener) -> None:
        """``listener`` gets every change of state, and the figures once a second, until the session is closed."""
        self._listeners.append(listener)

    def unsubscribe(self, listener: Listener) -> None:
        """Twice is once."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def describe(self) -> dict[str, Any]:
        """State and the latest figures, for GET."""
        return {
            "session": self.id,
            "state": self._lifecycle.state.value,
            "reason": self._lifecycle.reason,
            "avatar": self._avatar,
            "latency": self._latency,
            "voice": "on" if self._request.speaks else "off",
            "source": self._request.source,
            "probe": self._request.probe,
            "seconds": round(time.monotonic() - self._opened_at, 1),
            "stats": None if self._stats is None else stats_object(self._stats),
        }

    async def add_candidate(self, candidate: str | None, mid: str | None, mline_index: int | None) -> None:
        """A trickled candidate, None after the last. Raises MalformedError."""
        await self._peer.add_candidate(candidate, mid, mline_index)

    def is_restart(self, ufrag: str | None) -> bool:
        """Whether an ICE user name fragment asks for an ICE restart."""
        return self._peer.is_restart(ufrag)

    async def choose_avatar(self, avatar: str) -> None:
        """Go on with another portrait. The old one is shown until the new one is there; it stays if there is
        an error: NotFoundError, PortraitError, EngineError."""
        self._avatars.get(avatar)
        async with self._choosing:
            face = await self._open_face(avatar)
            if self._ending.is_set() or self._group is None:
                await _close_face(face)
                return
            before = self._pipeline.wear(face)
            self._avatar = avatar
            if before is not None:
                self._group.create_task(_retire(before))

    def choose_latency(self, name: str) -> None:
        """Raises UnprocessableError for an unknown preset."""
        self._pipeline.set_preset(self._preset(name))
        self._latency = name

    def interrupt(self) -> None:
        """Drop what was not shown yet."""
        self._pipeline.interrupt()

    def admit(self, rate: int, on_playback: Callable[[Playback], None]) -> Speaker:
        """Let a backend speak through the portrait, PCM16LE mono of ``rate`` Hz, until it is released.

        Raises UnprocessableError where the speech comes from the microphone, or for an impossible rate, and
        ConflictError where there is a speaker already.
        """
        if not self._request.pushed:
            raise UnprocessableError(
                "This session's speech comes from the client's microphone. Open it with source=push to push speech."
            )
        if self._speaker is not None:
            raise ConflictError("This session has its speech socket already; close that one first.")
        self._speaker = Speaker(self._pipeline, rate, on_playback, self._dismiss)
        return self._speaker

    def _dismiss(self) -> None:
        self._speaker = None

    def _preset(self, name: str) -> Preset:
        presets = self._host.info.presets
        if name not in presets:
            raise UnprocessableError(f"There is no latency preset {name[:40]!r}; there are {', '.join(presets)}.")
        return presets[name]

    async def _open_face(self, avatar: str) -> Face:
        face = Face(self._pipeline)
        portrait = await self._avatars.portrait(avatar)
        face.stream = await self._host.open(portrait, self._seed, face.on_frames, self._on_engine, face.on_dropped)
        return face

    async def _listen(self) -> None:
        async for audio in self._peer.audio:
            self._pipeline.hear(audio)

    async def _idle(self) -> None:
        due = time.monotonic()
        while True:
            wanted = self._pipeline.idle()
            due = max(due + BLOCK_S if wanted is None else wanted, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._stats = self._pipeline.stats()
            self._tell(self._stats)
            self._peer.send_text(encode(self._traced(self._stats) if self._request.probe else self._stats))

    def _traced(self, stats: Stats) -> TracedStats:
        return TracedStats(
            **{each.name: getattr(stats, each.name) for each in fields(stats)}, blocks=self._pipeline.traces()
        )

    def _on_sent(self, index: int) -> None:
        self._pipeline.sent(index)

    def _on_text(self, text: str) -> None:
        """The data channel. What cannot be understood is no reason to end a call."""
        try:
            ping = decode_channel(text)
        except RequestError as error:
            self._log.debug("a message on the data channel was refused: %s", error)
        else:
            self._peer.send_text(encode(Pong(ping.id, time.monotonic())))

    async def _watch(self) -> None:
        while not self._peer.connected.is_set() and not self._ending.is_set():
            if time.monotonic() - self._opened_at > CONNECT_S:
                self.end("never-connected")
            elif self._peer.closed.is_set() or self._orphaned_at is not None:
                self.end("gone")
            await asyncio.sleep(CONNECT_POLL_S)
        self._connected_at = time.monotonic()
        self._pipeline.begin_speech(self._connected_at + LISTENS_S)
        self._on(Event.CONNECTED)
        while True:
            await asyncio.sleep(POLL_S)
            self._look(time.monotonic())

    def _look(self, now: float) -> None:
        last = self._peer.last_received if self._request.pushed else self._peer.last_media
        quiet = now - (last or self._connected_at or now)
        patience = PATIENCE if self._request.pushed else 1.0
        self._on(Event.MEDIA_LOST if quiet > MEDIA_LOST_S * patience else Event.MEDIA_BACK)
        if self._peer.closed.is_set():
            self.end("gone")
        elif quiet > self._media.silence_timeout:
            self.end("no-media")
        elif self._orphaned_at is not None and (
            quiet > ORPHAN_QUIET_S * patience or now - self._orphaned_at > ORPHAN_S
        ):
            self.end("socket-ended")

    def _on_engine(self, state: EngineState) -> None:
        self._on(Event.ENGINE_UP if state == "ready" else Event.ENGINE_DOWN)

    def _on(self, event: Event, reason: str | None = None) -> None:
        before = self.state
        self._lifecycle.on(event, reason)
        if self.state != before:
            self._tell(self.state)

    def _tell(self, message: StateMessage | Stats) -> None:
        for listener in list(self._listeners):
            listener(message)

    async def _close(self) -> None:
        if self._lifecycle.state is State.CLOSED:
            return
        try:
            self._stats = self._pipeline.stats()
            if self._pipeline.face is not None:
                await _close_face(self._pipeline.face)
            await self._peer.close()
        finally:
            self._on(Event.CLOSE, self._reason)
            self._listeners.clear()
            self._metrics.closed.labels(self._reason).inc()
            self._log.info("closed: %s, %s", self._reason, self._summary())
            self.closed.set()

    def _summary(self) -> str:
        seconds = time.monotonic() - self._opened_at
        if self._stats is None:
            return f"{seconds:.1f} s"
        s = self._stats
        return (
            f"{seconds:.1f} s, delay {s.delay_ms:.0f} ms of {s.bound_ms}, generate p95 {s.generate_ms.p95:.0f} ms, "
            f"repeated {s.repeated}, dropped {s.dropped}, skipped {s.skipped}"
        )


async def _close_face(face: Face) -> None:
    if face.stream is not None:
        await face.stream.close()


async def _retire(face: Face) -> None:
    """Close a stream once its frames under way have come: they are still to be shown."""
    try:
        for _ in range(round(RETIRE_S / BLOCK_S)):
            if face.waiting <= 0:
                break
            await asyncio.sleep(BLOCK_S)
    finally:
        await _close_face(face)
