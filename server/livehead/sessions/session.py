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
from livehead.core.networks import network_of
from livehead.core.recent_delays import RecentDelays
from livehead.engine.host.host import EngineHost, EngineState
from livehead.errors import ConflictError, EngineError, RequestError, UnprocessableError
from livehead.logs import SessionLog
from livehead.media.peer.addresses import AddressPolicy
from livehead.media.peer.peer import IceServer, Peer
from livehead.metrics import Metrics
from livehead.sessions.avatar_switch import AvatarSwitch
from livehead.sessions.engine_attachment import EngineAttachment
from livehead.sessions.liveness import Liveness
from livehead.sessions.pacer import Pacer
from livehead.sessions.pipeline import Pipeline
from livehead.sessions.reporter import Reporter
from livehead.sessions.request import SessionRequest, find_preset
from livehead.sessions.session_limits import SessionLimits
from livehead.sessions.sources.mic import MicSource
from livehead.sessions.sources.push import PushSource
from livehead.sessions.sources.speaker import Speaker
from livehead.sessions.status import Listener, Status
from livehead.sessions.steering_rates import SteeringRates
from livehead.sessions.stream_opener import StreamOpener
from livehead.sessions.watcher import Watcher
from livehead.settings import Settings

PLAYS_AFTER_S = 0.3
"""A client that is connected plays what it gets after this long: pushed speech begins no sooner."""

logger = logging.getLogger(__name__)


class Session:
    """``closed`` is set when the peer connection is closed and the engine's stream is given back.

    It costs the engine nothing before its client is there: the stream is opened when the client's first connectivity
    check comes, so that it is ready when the connection is, and gets its first window then. ``network`` is what the
    client's address counts as; ``answered_at`` is a monotonic time in seconds.
    """

    def __init__(
        self,
        request: SessionRequest,
        opened_by: Identity,
        settings: Settings,
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
        self.network = network_of(opened_by.address)
        self.closed = asyncio.Event()
        self._request = request
        self._avatar = request.avatar
        self._latency = request.latency
        self._host = host
        self._avatars = avatars
        self._metrics = metrics
        self._delays = delays
        self._log = SessionLog(logger, {"session": self.id})
        self._status = Status(self._log)
        self._opened_at = time.monotonic()
        limits = SessionLimits.of(settings, opened_by)
        self._liveness = Liveness(limits, self._opened_at, sends_audio=not request.pushed)
        self._rates = SteeringRates()
        self._ending = asyncio.Event()
        self._reason = "failed"
        stun_urls = settings.media.stun_urls
        self._peer = Peer(
            [IceServer(stun_urls)] if stun_urls else [],
            send_audio=request.speaks,
            receive_audio=not request.pushed,
            on_message=lambda text: self._reporter.answer(text),
            on_sent=lambda index: self._pacer.sent(index),
            addresses=AddressPolicy.of(
                settings.media.peer_addresses, "" if opened_by.behind_proxy else opened_by.address
            ),
            setup_seconds=limits.setup,
            packets_per_second=settings.limits.packets_per_second,
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
            self._source,
            self._liveness,
            self._status,
            self._log,
            on_connected=self._on_connected,
            end=self.end,
        )
        seed = secrets.randbits(32) if request.seed is None else request.seed
        self._streams = StreamOpener(host, avatars, seed, self._pacer, self._on_engine)
        self._switch = AvatarSwitch(self._streams.open, self._attach, self._log)
        self._attached = asyncio.Event()
        self._speaker: Speaker | None = None

    async def open(self, offer: str) -> str:
        """Answer the offer; :meth:`run` must follow.

        Raises what :meth:`Peer.answer` raises; nothing is left behind then.
        """
        try:
            answer = await self._peer.answer(offer)
        except BaseException:
            await self._peer.close()
            raise
        self._liveness.answered_at = time.monotonic()
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
            "avatar": self._show,
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
    def answered_at(self) -> float:
        return self._liveness.answered_at

    @property
    def heard(self) -> bool:
        """Whether a connectivity check has come from the client."""
        return self._peer.heard.is_set()

    @property
    def pending(self) -> bool:
        """Whether the client has yet to connect."""
        return not self._peer.connected.is_set()

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
        EngineError for example. Raises NotFoundError for an avatar that there is not, and RateLimitError."""
        self._rates.count_avatar()
        self._avatars.get(avatar)
        self._switch.choose(avatar, on_error)

    def choose_latency(self, name: str) -> None:
        """Raises UnprocessableError for an unknown preset, and RateLimitError."""
        self._rates.count_preset()
        self._pipeline.set_preset(find_preset(self._host.info.presets, name))
        self._latency = name

    def interrupt(self) -> None:
        """Drop what was not shown yet. Raises RateLimitError."""
        self._rates.count_interrupt()
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
        self._speaker = Speaker(
            self._source,
            self._pipeline,
            rate,
            on_playback,
            self._dismiss,
            count_interrupt=self._rates.count_interrupt,
        )
        return self._speaker

    def _dismiss(self) -> None:
        self._speaker = None

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

    async def _show(self) -> None:
        """The portrait: the first one when the client is there, then those that it chooses."""
        try:
            await self._show_first()
        except EngineError as error:
            self._log.error("the engine cannot open its stream: %s", error)
            self.end("engine-failed")
        except RequestError as error:
            self._log.warning("avatar %s cannot be shown: %s", self._avatar, error)
            self.end("avatar-failed")
        else:
            await self._switch.run()

    async def _show_first(self) -> None:
        """Open the stream while the client connects, and begin when it has."""
        await self._peer.heard.wait()
        attachment = await self._streams.open_first(self._avatar)
        try:
            await self._peer.connected.wait()
        except BaseException:
            await attachment.close()
            raise
        self._attach(self._avatar, attachment)
        self._pipeline.poll()  # the portrait idles before anything is heard
        self._attached.set()

    def _attach(self, avatar: str, attachment: EngineAttachment) -> EngineAttachment | None:
        self._avatar = avatar
        return self._pipeline.attach(attachment)

    async def _listen(self) -> None:
        if not isinstance(self._source, MicSource):
            await self._ending.wait()
            return
        async for audio in self._peer.audio:
            if self._attached.is_set():
                self._pipeline.push(self._source.hear(audio.start, audio.pcm))
        self._watcher.look()  # with the peer, its audio ends

    async def _poll(self) -> None:
        await self._attached.wait()
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
            self._metrics.close_failures.inc(self._peer.close_failures)
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
