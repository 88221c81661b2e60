"""One session: the peer, the source, the pipeline and the pacer of one client, and the tasks that drive them."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from livehead.avatars import AvatarStore
from livehead.core.block import BLOCK_S
from livehead.core.identity import Identity
from livehead.core.ids import new_id
from livehead.core.lifecycle import Event
from livehead.core.messages.from_server import Playback, StateMessage, stats_object
from livehead.core.recent_delays import RecentDelays
from livehead.engine.host.host import EngineHost, EngineState
from livehead.errors import ConflictError, UnprocessableError
from livehead.logs import SessionLog
from livehead.media.peer.peer import IceServer, Peer
from livehead.metrics import Metrics
from livehead.sessions.avatar_switch import AvatarSwitch
from livehead.sessions.engine_attachment import EngineAttachment
from livehead.sessions.liveness import Liveness
from livehead.sessions.pacer import Pacer
from livehead.sessions.pipeline import Pipeline
from livehead.sessions.reporter import Reporter
from livehead.sessions.request import SessionRequest, find_preset
from livehead.sessions.sources.mic import MicSource
from livehead.sessions.sources.push import PushSource
from livehead.sessions.sources.speaker import Speaker
from livehead.sessions.status import Listener, Status
from livehead.sessions.watcher import Watcher
from livehead.settings import MediaSettings

PLAYS_AFTER_S = 0.3
"""A client that is connected plays what it gets after this long: pushed speech begins no sooner."""

logger = logging.getLogger(__name__)


class Session:
    """``closed`` is set when the peer connection is closed and the engine's stream is given back."""

    def __init__(
        self,
        request: SessionRequest,
        opened_by: Identity,
        media: MediaSettings,
        host: EngineHost,
        avatars: AvatarStore,
        metrics: Metrics,
        delays: RecentDelays,
    ) -> None:
        """Raises UnprocessableError for an unknown latency preset."""
        preset = find_preset(host.info.presets, request.latency)
        self.id = new_id()
        self.etag = f'"{new_id()}"'
        self.opened_by = opened_by
        self.closed = asyncio.Event()
        self._request = request
        self._avatar = request.avatar
        self._latency = request.latency
        self._seed = secrets.randbits(32) if request.seed is None else request.seed
        self._host = host
        self._avatars = avatars
        self._metrics = metrics
        self._delays = delays
        self._log = SessionLog(logger, {"session": self.id})
        self._status = Status(self._log)
        self._opened_at = time.monotonic()
        self._liveness = Liveness(
            self._opened_at, silence_timeout=media.silence_timeout, sends_audio=not request.pushed
        )
        self._ending = asyncio.Event()
        self._reason = "failed"
        self._peer = Peer(
            [IceServer(media.stun_urls)] if media.stun_urls else [],
            send_audio=request.speaks,
            receive_audio=not request.pushed,
            on_message=lambda text: self._reporter.answer(text),
            on_sent=lambda index: self._pacer.sent(index),
        )
        self._source: MicSource | PushSource = (PushSource if request.pushed else MicSource)(
            preset.hop, preset.lookahead
        )
        self._pacer = Pacer(preset, self._peer, metrics, with_test_pattern=request.probe, on_block=self._on_block)
        self._pipeline = Pipeline(self._source, preset, self._pacer)
        self._reporter = Reporter(
            self._pipeline, self._peer, self._status, self._log, self._pacer.trace if request.probe else None
        )
        self._watcher = Watcher(
            self._peer,
            self._liveness,
            self._status,
            self._log,
            on_connected=self._on_connected,
            end=self.end,
        )
        self._switch = AvatarSwitch(self._open_stream, self._attach, self._log)
        self._speaker: Speaker | None = None

    async def open(self, offer: str) -> str:
        """Answer the offer and open the engine's stream, side by side; :meth:`run` must follow.

        Raises what :meth:`Peer.answer`, :meth:`AvatarStore.portrait` and :meth:`EngineHost.open` raise; nothing
        is left behind then.
        """
        opening = asyncio.create_task(self._open_stream(self._avatar), name="session-open")
        try:
            answer = await self._peer.answer(offer)
            self._pipeline.attach(await opening)
        except BaseException:
            opening.cancel()
            await asyncio.wait([opening])
            if not opening.cancelled() and opening.exception() is None:
                await opening.result().close()
            await self._peer.close()
            raise
        return answer

    async def run(self) -> None:
        """Serve until :meth:`end`, or until the client is gone. Never raises but for its own cancellation."""
        self._log.info("open, avatar %s, latency %s", self._avatar, self._latency)
        parts = {
            "listen": self._listen,
            "poll": self._poll,
            "pace": self._pacer.run,
            "report": self._reporter.run,
            "watch": self._watcher.run,
            "avatar": self._switch.run,
        }
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._keep(name, part), name=name) for name, part in parts.items()]
                await self._ending.wait()
                for task in tasks:
                    task.cancel()
        finally:
            await self._close()

    def end(self, reason: str) -> None:
        """Ask it to end; ``closed`` says when it has. ``reason`` is one word for state, metrics and log."""
        if not self._ending.is_set():
            self._reason = reason
            self._ending.set()

    def drain(self) -> None:
        """Tell the client that the server will go away."""
        self._status.on(Event.DRAIN, "draining")

    def orphan(self) -> None:
        """The signal socket ended: so does the session, in 10 s or when no media flows."""
        self._liveness.orphaned_at = time.monotonic()

    @property
    def state(self) -> StateMessage:
        return self._status.message

    @property
    def latency(self) -> str:
        """The name of its preset."""
        return self._latency

    def subscribe(self, listener: Listener) -> None:
        """``listener`` gets every change of state, and the figures once a second, until the session is closed."""
        self._status.subscribe(listener)

    def unsubscribe(self, listener: Listener) -> None:
        """Twice is once."""
        self._status.unsubscribe(listener)

    def describe(self) -> dict[str, Any]:
        """State and the latest figures, for GET."""
        stats = self._reporter.latest
        return {
            "session": self.id,
            "state": self.state.state.value,
            "reason": self.state.reason,
            "avatar": self._avatar,
            "latency": self._latency,
            "voice": "on" if self._request.speaks else "off",
            "source": self._request.source,
            "probe": self._request.probe,
            "seconds": round(time.monotonic() - self._opened_at, 1),
            "stats": None if stats is None else stats_object(stats),
        }

    async def add_candidate(self, candidate: str | None, mid: str | None, mline_index: int | None) -> None:
        """A trickled candidate, None after the last. Raises MalformedError."""
        await self._peer.add_candidate(candidate, mid, mline_index)

    def is_restart(self, ufrag: str | None) -> bool:
        """Whether an ICE user name fragment asks for an ICE restart."""
        return self._peer.is_restart(ufrag)

    def choose_avatar(self, avatar: str, on_error: Callable[[Exception], None]) -> None:
        """Go on with another portrait, of several choices with the newest. Returns at once; the old portrait is shown
        until the new one is there. It stays if that fails: then ``on_error`` is called, with PortraitError or
        EngineError for example. Raises NotFoundError for an avatar that there is not."""
        self._avatars.get(avatar)
        self._switch.choose(avatar, on_error)

    def choose_latency(self, name: str) -> None:
        """Raises UnprocessableError for an unknown preset."""
        self._pipeline.set_preset(find_preset(self._host.info.presets, name))
        self._latency = name

    def interrupt(self) -> None:
        """Drop what was not shown yet."""
        self._pipeline.interrupt()

    def admit(self, rate: int, on_playback: Callable[[Playback], None]) -> Speaker:
        """Let a backend speak through the portrait, PCM16LE mono of ``rate`` Hz, until it is released.

        Raises UnprocessableError where the speech comes from the microphone, or for an impossible rate, and
        ConflictError where there is a speaker already.
        """
        if not isinstance(self._source, PushSource):
            raise UnprocessableError(
                "This session's speech comes from the client's microphone. Open it with source=push to push speech."
            )
        if self._speaker is not None:
            raise ConflictError("This session has its speech socket already; close that one first.")
        self._speaker = Speaker(self._source, self._pipeline, rate, on_playback, self._dismiss)
        return self._speaker

    def _dismiss(self) -> None:
        self._speaker = None

    # -- the engine's stream

    async def _open_stream(self, avatar: str) -> EngineAttachment:
        portrait = await self._avatars.portrait(avatar)
        return await EngineAttachment.open(self._host, portrait, self._seed, self._pacer, self._on_engine)

    def _attach(self, avatar: str, attachment: EngineAttachment) -> EngineAttachment | None:
        self._avatar = avatar
        return self._pipeline.attach(attachment)

    # -- the parts

    async def _keep(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        """A part that fails or returns while the session lives ends it."""
        try:
            await part()
        except Exception:  # noqa: BLE001 - one session must not end the others
            self._log.exception("its part %r failed", name)
        else:
            if not self._ending.is_set():
                self._log.error("its part %r ended", name)
        self.end("failed")

    async def _listen(self) -> None:
        if not isinstance(self._source, MicSource):
            await self._ending.wait()
            return
        async for audio in self._peer.audio:
            self._pipeline.push(self._source.hear(audio.start, audio.pcm))
        self._watcher.look()  # with the peer, its audio ends

    async def _poll(self) -> None:
        due = time.monotonic()
        while True:
            wanted = self._pipeline.poll()
            due = max(due + BLOCK_S if wanted is None else wanted, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    # -- what the parts are told

    def _on_block(self, k: int, delay_ms: float) -> None:
        self._source.block_sent(k)
        if k >= 0:
            self._delays.note(self._latency, delay_ms)

    def _on_connected(self, at: float) -> None:
        if isinstance(self._source, PushSource):
            self._source.begin_at(at + PLAYS_AFTER_S)

    def _on_engine(self, state: EngineState) -> None:
        self._status.on(Event.ENGINE_UP if state == "ready" else Event.ENGINE_DOWN)

    # -- the end

    async def _close(self) -> None:
        """Every step is tried, whatever the others raise."""
        if self._status.closed:
            return
        try:
            await self._attempt("its last figures", self._take_figures)
            await self._attempt("the engine's stream", self._close_stream)
            await self._attempt("the peer connection", self._peer.close)
        finally:
            self._status.on(Event.CLOSE, self._reason)
            self._metrics.closed.labels(self._reason).inc()
            seconds = time.monotonic() - self._opened_at
            self._log.info("closed: %s, %.1f s, %s", self._reason, seconds, self._reporter.summary())
            self.closed.set()

    async def _attempt(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except Exception:  # noqa: BLE001 - the next step is to be tried all the same
            self._reason = "failed"
            self._log.exception("%s could not be closed", what)

    async def _take_figures(self) -> None:
        self._reporter.measure()

    async def _close_stream(self) -> None:
        if self._pipeline.attachment is not None:
            await self._pipeline.attachment.close()
