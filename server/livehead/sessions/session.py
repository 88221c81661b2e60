"""One session: its source, its pipeline, its pacer and its viewers, and the tasks that drive them."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from livehead.avatars import AvatarStore
from livehead.core.block import BLOCK_S
from livehead.core.governor.phases import Phases
from livehead.core.identity import Identity
from livehead.core.ids import new_id
from livehead.core.lifecycle import Event
from livehead.core.messages.from_server import (
    RecordingNotice,
    StateMessage,
    Stats,
    UserActivity,
    encode,
    stats_object,
)
from livehead.core.networks import network_of
from livehead.core.recent_delays import RecentDelays
from livehead.core.voice.barge_in import BargeIn
from livehead.engine.host.host import EngineHost, StreamState
from livehead.errors import NotFoundError, UnprocessableError
from livehead.logs import SessionLog
from livehead.media.peer.media_addresses import ANY_PORT, MediaAddresses
from livehead.media.peer.viewers import Viewers
from livehead.media.video.live_mark import live_mark
from livehead.media.video.provenance import synthetic_tags
from livehead.metrics import Metrics
from livehead.sessions.admission.session_limits import SessionLimits
from livehead.sessions.admission.steering_rates import SteeringRates
from livehead.sessions.frame_supply import FrameSupply
from livehead.sessions.hearing.ear import Ear
from livehead.sessions.hearing.hearing import Hearing
from livehead.sessions.lifetime import Lifetime
from livehead.sessions.network_figures import NetworkFigures
from livehead.sessions.pacer import Pacer
from livehead.sessions.pipeline import Pipeline
from livehead.sessions.portrait.appearance import Appearance
from livehead.sessions.portrait.portrait import Portrait
from livehead.sessions.portrait.stream_opener import StreamOpener
from livehead.sessions.recording.base import Recorders, RecordingStatus
from livehead.sessions.recording.notice import RecordingNotices
from livehead.sessions.reporter import Reporter
from livehead.sessions.request import SessionRequest, find_preset
from livehead.sessions.session_latency import SessionLatency
from livehead.sessions.session_parts import SessionParts
from livehead.sessions.session_trace import SessionTrace
from livehead.sessions.sources.mic import MicSource
from livehead.sessions.sources.push import PushSource
from livehead.sessions.speech.pushed_speech import PushedSpeech
from livehead.sessions.speech_time import SpeechTime
from livehead.sessions.status import Listener, SessionMessage, Status
from livehead.sessions.steering import Steering
from livehead.sessions.viewers.audience import Audience
from livehead.sessions.viewers.viewer import Viewer
from livehead.sessions.viewers.viewer_events import ViewerEvents
from livehead.sessions.viewers.viewer_setups import ViewerSetups
from livehead.settings import Settings

WATCH_S = 0.25

logger = logging.getLogger(__name__)


class Session:
    """``closed`` is set when the last peer connection is closed and the engine's stream is given back.

    It belongs to its caller and ends with it, or was made without one: then viewers join it, and it ends a while
    after the last one has left. It costs the engine nothing before somebody is there to be shown the portrait: the
    stream is opened at the first connectivity check of such a viewer, so that it is ready when the connection is, and
    gets its first window then. ``network`` is what the address counts as of whoever opened it.
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
        recorders: Recorders,
        preset: str | None = None,
        media_addresses: MediaAddresses = ANY_PORT,
        phases: Phases | None = None,
    ) -> None:
        """``preset`` is the one that it begins with, where the request leaves that to the server; ``phases`` are those
        of the windows of all sessions at the engine. Raises UnprocessableError for an unknown preset, and what
        :meth:`Recorders.make` raises."""
        name = preset or request.latency
        begins_with = find_preset(host.info.presets, name)
        self.id = new_id(settings.server.replica)
        self.opened_by = opened_by
        self.network = network_of(opened_by.address)
        self.closed = asyncio.Event()
        self._request = request
        self._settings = settings
        self._media_addresses = media_addresses
        self._host = host
        self._metrics = metrics
        self._trace = SessionTrace(self.id, request)
        self._log = SessionLog(logger, {"session": self.id, "trace": self._trace.id})
        self._status = Status(self._log)
        self._status.subscribe(self._trace.told)
        self._status.subscribe(self._tell_viewers)
        self._opened_at = time.monotonic()
        self._supply = FrameSupply(self._status.on)
        self._lifetime = Lifetime(SessionLimits.of(settings, opened_by))
        self._parts = SessionParts(self._log)
        self._recorder = recorders.make(self.id, replace(request, latency=name), opened_by, host.info)
        self._notices = RecordingNotices(self._status)
        tags = synthetic_tags(host.info.name, host.info.variant, request.avatar)
        self._viewers = Viewers(on_sent=self._on_sent, mark=live_mark(tags) if settings.store.live_mark else None)
        self._source: MicSource | PushSource = (PushSource if request.pushed else MicSource)(
            begins_with.hop, begins_with.lookahead
        )
        self._source.on_activity = self._status.tell
        self._hearing = Hearing(self._status.tell, self._log, early=not request.pushed)
        if request.interrupt == "auto" and request.pushed:  # the voice that drives the portrait does not interrupt it
            self._status.subscribe(BargeIn(lambda: self._pipeline.interrupt()))
        self._pacer = Pacer(
            begins_with,
            self._viewers,
            metrics,
            recorder=self._recorder,
            with_test_pattern=request.probe,
            marked=settings.store.visible_mark == "live",
            halves=2 if request.look.kind == "transparent" else 1,
            on_block=self._on_block,
            on_audio=self._hearing.sent if request.pushed else None,
        )
        self._pipeline = Pipeline(
            self._source,
            begins_with,
            self._pacer,
            quantized=self._recorder.quantized,
            silence_hop=host.info.silence_hop,
            step_hops=host.info.step_hops,
            phases=phases,
            session=self.id,
        )
        rates = SteeringRates()
        self._speech: PushedSpeech | None = None
        if isinstance(self._source, PushSource):
            self._speech = PushedSpeech(self._source, self._pipeline, self._pacer.frames, rates, metrics, self._log)
        self._latency = SessionLatency(
            request.latency, name, host.info.presets, self._pipeline, delays, self._status.tell
        )
        trace = self._pacer.trace if request.probe else None
        self._reporter = Reporter(
            self._pipeline,
            self._latency,
            self._viewers,
            self._status,
            trace,
            NetworkFigures(self._viewers, metrics),
            SpeechTime(request.source, self._pipeline, metrics),
        )
        seed = secrets.randbits(32) if request.seed is None else request.seed
        streams = StreamOpener(host, avatars, opened_by.owner, seed, self._pacer, self._recorder, self._on_engine)
        self._portrait = Portrait(Appearance(request.avatar, request.look), streams, self._pipeline, self._log)
        self.steering = Steering(
            self._portrait,
            self._pipeline,
            self._latency,
            self._trace,
            rates,
            avatars,
            host.info,
            opened_by.owner,
            request.look,
        )
        self._events = ViewerEvents(
            self._source,
            self._pipeline,
            self._portrait,
            self._hearing,
            self._speech,
            self._lifetime,
            self._status,
            ViewerSetups(metrics.network, self._trace),
            self._log,
            on_interrupt=self.steering.interrupt,
            end=self.end,
        )
        self._audience = Audience(settings.sessions.max_viewers, self._events.on_left)

    async def open(self, offer: str) -> str:
        """Answer its caller's offer; :meth:`run` must follow.

        Raises what :meth:`Peer.answer` raises; nothing is left behind then.
        """
        request = self._request
        caller = self._events.caller = Viewer(
            self._viewers,
            self.opened_by,
            self._settings,
            self._events,
            self._log,
            self._media_addresses,
            caller_speaks=not request.pushed,
            sees=request.sees,
            voice=request.speaks,
            channel=request.channel,
        )
        try:
            return await self._audience.join(caller, offer)
        except BaseException:
            self._trace.closed("refused")
            raise

    async def join(self, offer: str, identity: Identity) -> tuple[Viewer, str]:
        """Answer the offer of one more viewer. Raises what :meth:`Audience.join` raises."""
        viewer = Viewer(self._viewers, identity, self._settings, self._events, self._log, self._media_addresses)
        return viewer, await self._audience.join(viewer, offer)

    async def run(self) -> None:
        """Serve until :meth:`end`, or until nobody is there any more. Never raises but for its own cancellation."""
        self._log.info("open, %s, latency %s", self._portrait.appearance, self.latency)
        parts = {
            "poll": self._poll,
            "pace": self._pacer.run,
            "report": self._reporter.run,
            "watch": self._watch,
            "avatar": self._show,
            "hear": self._hearing.run,
        }
        if self._speech is not None:
            parts["say"] = self._speech.run
        try:
            await self._parts.run(parts)
        finally:
            await self._close()

    def end(self, reason: str) -> None:
        """Ask it to end; ``closed`` says when it has. ``reason`` is one word for state, metrics and log."""
        self._parts.end(reason)

    @property
    def caller(self) -> Viewer | None:
        """The viewer that it belongs to, None where it was made without one."""
        return self._events.caller

    def drain(self) -> None:
        """Tell the client that the server will go away."""
        self._status.on(Event.DRAIN, "draining")

    @property
    def answered_at(self) -> float:
        """When its caller was answered, or it was made, in monotonic seconds."""
        return self._opened_at if self.caller is None else self.caller.answered_at

    @property
    def heard(self) -> bool:
        """Whether a connectivity check has come from its caller. A session without one keeps its slot as if."""
        return self.caller is None or self.caller.heard

    @property
    def pending(self) -> bool:
        """Whether its caller has yet to connect."""
        return self.caller is not None and self.caller.pending

    def orphan(self) -> None:
        """Its caller's signal socket ended."""
        if self.caller is not None:
            self.caller.orphan()

    @property
    def viewers(self) -> tuple[Viewer, ...]:
        """Those that are there, or connecting."""
        return tuple(self._audience)

    def viewer(self, viewer_id: str) -> Viewer:
        """One that joined: the caller is steered as its session is. Raises NotFoundError."""
        viewer = self._audience.find(viewer_id)
        if viewer is self.caller:
            raise NotFoundError("This is the session's caller, not a viewer; DELETE the session to end it.")
        return viewer

    @property
    def state(self) -> StateMessage:
        return self._status.message

    @property
    def latency(self) -> str:
        """What was asked for: the name of a preset, or ``auto``."""
        return self._latency.choice

    @property
    def recording(self) -> RecordingStatus | None:
        """How far its recording is, None where it has none."""
        return self._recorder.status

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
            "avatar": self._portrait.appearance.avatar,
            "latency": self.latency,
            "preset": self.preset,
            "voice": "on" if self._request.speaks else "off",
            "source": self._request.source,
            "probe": self._request.probe,
            "record": self._request.record,
            "recording": None if self.recording is None else {"id": self.recording.id, "state": self.recording.state},
            "look": {"background": self._portrait.appearance.look.background},
            "viewers": sum(not viewer.pending for viewer in self._audience),
            "seconds": round(time.monotonic() - self._opened_at, 1),
            "stats": None if stats is None else stats_object(stats),
        }

    def move_to(self, name: str) -> None:
        """See :meth:`SessionLatency.move_to`."""
        if name != self.going_to:
            self._trace.moving(self.preset, name, "server")
        self._latency.move_to(name)

    @property
    def preset(self) -> str:
        """The latency preset that it has now."""
        return self._latency.preset

    @property
    def going_to(self) -> str:
        """The latency preset that it has, or is on its way to."""
        return self._latency.going_to

    @property
    def speaking(self) -> bool:
        """Whether its portrait speaks now, or is about to."""
        return self._pipeline.speaking

    @property
    def speech(self) -> PushedSpeech:
        """What speaks through the portrait. Raises UnprocessableError where that is the client's microphone."""
        if self._speech is None:
            raise UnprocessableError(
                "This session's speech comes from the client's microphone. Open it with source=push to push speech."
            )
        return self._speech

    def hear(self, rate: int, on_audio: Callable[[bytes], None], on_activity: Callable[[UserActivity], None]) -> Ear:
        """Let a backend hear the viewers' microphones, and when somebody speaks. Raises what :meth:`Hearing.attach`
        raises."""
        return self._hearing.attach(rate, on_audio, on_activity)

    # -- its own parts

    async def _show(self) -> None:
        self.end(await self._portrait.run())

    async def _watch(self) -> None:
        """Until its time is over."""
        while True:
            now = time.monotonic()
            self._notices.look(self.recording, self._audience)
            self._trace.look(self._host.takeovers, self._host.taken_over_at, self._pacer.frames_at)
            if self.caller is None:
                self._lifetime.unviewed_since = self._audience.unviewed_since
            if self._source.has_spoken():
                self._lifetime.spoken_at = now
            if reason := self._lifetime.end(now):
                self.end(reason)
                return
            await asyncio.sleep(WATCH_S)

    async def _poll(self) -> None:
        await self._portrait.shown.wait()
        due = time.monotonic()
        while True:
            wanted = self._pipeline.poll()
            due = max(due + BLOCK_S if wanted is None else wanted, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    # -- what the parts are told

    def _on_sent(self, index: int) -> None:
        self._pacer.sent(index)

    def _on_block(self, k: int, delay_ms: float, frame: int | None) -> None:
        self._supply.block_sent(frame)
        self._source.block_sent(k, frame, time.monotonic())
        self._latency.block_sent(k, delay_ms)

    def _tell_viewers(self, message: SessionMessage) -> None:
        """What is on the data channels. The figures are sent with more beside them, by the reporter, and notices of a
        recording to each viewer who has not had them."""
        if not isinstance(message, Stats | RecordingNotice):
            self._viewers.send_text(encode(message))

    def _on_engine(self, state: StreamState) -> None:
        if state == "failed":
            self._log.error("workers were lost in the steps of its stream")
            self.end("engine-failed")
            return
        self._supply.engine(up=state == "ready")

    # -- the end

    async def _close(self) -> None:
        if self._status.closed:
            return
        self._trace.closing()
        try:
            await self._parts.close(
                {
                    "its last figures": self._take_figures,
                    "the engine's stream": self._portrait.close,
                    "its viewers": self._close_viewers,
                    "its recording": self._recorder.close,
                }
            )
            self._metrics.close_failures.inc(self._audience.close_failures)
        finally:
            self._pipeline.close()
            reason = self._parts.reason
            self._status.on(Event.CLOSE, reason)
            self._trace.closed(reason)
            self._metrics.closed.labels(reason).inc()
            seconds = time.monotonic() - self._opened_at
            self._log.info("closed: %s, %.1f s, %s", reason, seconds, self._reporter.summary())
            self.closed.set()

    async def _take_figures(self) -> None:
        self._reporter.measure()

    async def _close_viewers(self) -> None:
        await self._audience.close(self._parts.reason)
