"""All sessions: admission, look-up, drain.

A slot is reserved before an offer is answered, and given back on every way out. A client that got an answer is served
if its first connectivity check comes within a second; one that is later may have had to give way to another.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from livehead.avatars import AvatarStore
from livehead.core.governor.governed import Governed
from livehead.core.identity import Identity, Role
from livehead.core.latency_choice import AUTO
from livehead.core.networks import network_of
from livehead.core.recent_delays import RecentDelays
from livehead.engine.host.host import EngineHost, EngineState
from livehead.errors import LiveheadError, NotFoundError, RequestError, UnavailableError
from livehead.media.peer.media_addresses import ANY_PORT, MediaAddresses
from livehead.metrics import Metrics
from livehead.sessions.admission.admission import Admission
from livehead.sessions.admission.places import check_pending, check_places, choose_to_give_way
from livehead.sessions.governing import Governing
from livehead.sessions.portrait.look_check import check_look
from livehead.sessions.recording.base import Recorders
from livehead.sessions.request import SessionRequest, find_preset
from livehead.sessions.session import Session
from livehead.sessions.viewers.viewer import Viewer
from livehead.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Opening:
    """An offer that is being answered: its slot is reserved. ``latency`` is what was chosen, ``preset`` what it will
    begin with. ``revoked`` says that its key was, meanwhile."""

    latency: str
    preset: str
    opened_by: Identity
    network: str
    revoked: bool = False


class Registry:
    """An async context manager that owns every session's task; leaving it ends them all.

    A session's failure is its own: it is logged and counted, and the others go on.
    """

    def __init__(
        self,
        settings: Settings,
        host: EngineHost,
        avatars: AvatarStore,
        metrics: Metrics,
        recorders: Recorders,
        media_addresses: MediaAddresses = ANY_PORT,
    ) -> None:
        bounds = [each for each in (settings.sessions.max_sessions, media_addresses.room) if each is not None]
        self.admission = Admission(min(bounds, default=None), host)
        self.delays = RecentDelays()
        self._settings = settings
        self._media_addresses = media_addresses
        self._host = host
        self._avatars = avatars
        self._metrics = metrics
        self._recorders = recorders
        self.came = 0
        """Callers and viewers that there were."""
        self._sessions: dict[str, Session] = {}
        self._openings: list[Opening] = []
        self._joining: Counter[str] = Counter()  # viewers that are being answered, by network
        self._governing = Governing(host, metrics, lambda: list(self._sessions.values()))
        self._draining = False
        self._warmed = False
        self._empty = asyncio.Event()
        self._failure: str | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsubscribe = host.subscribe(self._on_engine)
        metrics.sessions_max.set_function(lambda: self.admission.most or 0)
        metrics.sessions.set_function(lambda: self.active)
        metrics.viewers.set_function(lambda: sum(len(session.viewers) for session in self._sessions.values()))
        metrics.load.set_function(lambda: self.admission.load(self.taken) or 0.0)

    async def __aenter__(self) -> Self:
        self._warming = self._own(self._warm(), "warm")
        self._governor = self._own(self._governing.run(), "govern")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._failure = f"the server's main task ended with {type(error).__name__}: {error}".removesuffix(": ")
        self._warming.cancel()
        self._governor.cancel()
        try:
            await self.drain(0)
        finally:
            self._unsubscribe()
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)

    @property
    def failure(self) -> str | None:
        """Why no session can be served any more, None while they are. Only another start of the server helps."""
        return self._failure

    @property
    def active(self) -> int:
        """Slots in use: sessions served, and those being answered."""
        return len(self._sessions) + len(self._openings)

    @property
    def taken(self) -> Counter[str]:
        """The slots in use, by what was chosen as latency."""
        taken = Counter(opening.latency for opening in self._openings)
        return taken + Counter(session.latency for session in self._sessions.values())

    @property
    def at(self) -> Counter[str]:
        """The slots in use, by the preset that they have."""
        at = Counter(opening.preset for opening in self._openings)
        return at + Counter(session.preset for session in self._sessions.values())

    @property
    def auto(self) -> str:
        """The preset that a session opened now would get if it left that to the server. Raises EngineDownError before
        the engine was ready for the first time."""
        opening = [
            Governed(f"opening {number}", each.preset, speaking=True, fixed=each.latency != AUTO)
            for number, each in enumerate(self._openings)
        ]
        return self._governing.newcomer(opening)

    @property
    def sessions(self) -> tuple[Session, ...]:
        """Those that are served now."""
        return tuple(self._sessions.values())

    def refusal(self, latency: str | None = None) -> UnavailableError | None:
        """Why a session of that latency, by default the server's, would be refused now, or None. ``problem`` is the
        reason as one word."""
        return self._unavailable() or self.admission.refuse(self.taken, latency or self._settings.sessions.latency)

    def _unavailable(self) -> UnavailableError | None:
        if self._failure is not None:
            return UnavailableError(f"The server has failed: {self._failure}. Restart it.", problem="failed")
        if self._draining:
            return UnavailableError("The server is shutting down.", problem="draining", retry_after=10)
        if self._host.state == "starting" or (self._host.state == "ready" and not self._warmed):
            return UnavailableError("The engine is still starting.", problem="starting", retry_after=2)
        if self._host.state == "down":
            return UnavailableError("The engine is down and is being restarted.", problem="engine-down", retry_after=2)
        return None

    async def open(self, offer: str, request: SessionRequest, identity: Identity) -> tuple[Session, str]:
        """Start a session that belongs to ``identity``; returns it and the SDP answer.

        Raises UnavailableError where there is no slot, RateLimitError where the identity's key or network has too
        many, ForbiddenError for what the identity may not open,
        NotFoundError for an unknown avatar, and MalformedError or UnprocessableError for an offer or options that
        cannot be served.
        """
        await self._avatars.refresh(request.avatar, *request.look.avatars)
        with self._counting_refusals():
            self._check(request, identity)
            self._check_pending(identity)
            return await self._open(offer, request, identity)

    def create(self, request: SessionRequest, identity: Identity) -> Session:
        """Start a session without a caller, which viewers :meth:`join`. Raises what :meth:`open` raises, but for
        what is wrong with an offer."""
        with self._counting_refusals():
            self._check(request, identity)
            self._make_room(request.latency)
            session = self._new_session(request, self._preset(request.latency), identity)
        self._start(session)
        return session

    async def join(self, session: Session, offer: str, identity: Identity) -> tuple[Viewer, str]:
        """Let one more viewer see a session; returns it and the SDP answer.

        Raises ConflictError where it has as many as it may have, RateLimitError for a network of which too many
        have not connected yet, NotFoundError where the session ends meanwhile, and MalformedError or
        UnprocessableError for an offer that cannot be served.
        """
        network = network_of(identity.address)
        with self._counting_refusals():
            self._check_pending(identity)
            self._joining[network] += 1
            self.came += 1
            try:
                return await session.join(offer, identity)
            finally:
                self._joining[network] -= 1

    def _check(self, request: SessionRequest, identity: Identity) -> None:
        """What costs least is checked first, and what nobody may do before there is a slot to be had."""
        identity.check_opening(request.avatar, request.source)
        if unavailable := self._unavailable():
            raise unavailable
        check_places(self._settings.limits, identity, (*self._openings, *self._sessions.values()))
        self._avatars.get(request.avatar, identity.owner)
        check_look(request.look, self._host.info, self._avatars, identity.owner)
        self._check_latency(request.latency)

    def _check_pending(self, identity: Identity) -> None:
        network = network_of(identity.address)
        pending = sum(opening.network == network for opening in self._openings) + self._joining[network]
        for session in self._sessions.values():
            pending += sum(viewer.pending and viewer.network == network for viewer in session.viewers)
        check_pending(self._settings.limits, pending)

    async def _open(self, offer: str, request: SessionRequest, identity: Identity) -> tuple[Session, str]:
        """The offer is read, and a peer made, for whoever has a slot."""
        self._make_room(request.latency)
        preset = self._preset(request.latency)
        opening = Opening(request.latency, preset, identity, network_of(identity.address))
        self._openings.append(opening)
        try:
            session = self._new_session(request, preset, identity)
            answer = await session.open(offer)
        finally:
            self._openings.remove(opening)
        self._start(session)
        if opening.revoked:
            session.end("revoked")
        return session, answer

    def _new_session(self, request: SessionRequest, preset: str, identity: Identity) -> Session:
        return Session(
            request,
            identity,
            self._settings,
            self._host,
            self._avatars,
            self._metrics,
            self.delays,
            self._recorders,
            preset,
            self._media_addresses,
            self._governing.phases,
        )

    def _start(self, session: Session) -> None:
        self._sessions[session.id] = session
        self._metrics.opened.inc()
        self.came += 1
        self._governing.wake()
        self._own(self._serve(session), f"session-{session.id}")

    @contextmanager
    def _counting_refusals(self) -> Iterator[None]:
        try:
            yield
        except RequestError as error:
            self._metrics.refused.labels(error.problem).inc()
            raise

    def _make_room(self, latency: str) -> None:
        """Raises UnavailableError where there is no room, not even without the sessions that can give way. As many of
        those as it takes are ended; they have cost the engine nothing."""
        left, taken, leaving = list(self._sessions.values()), self.taken, list[Session]()
        while refusal := self.admission.refuse(taken, latency):
            session = choose_to_give_way(left, time.monotonic())
            if session is None:
                raise refusal
            left.remove(session)
            taken -= Counter([session.latency])
            leaving.append(session)
        for session in leaving:
            del self._sessions[session.id]
            session.end("gave-way")

    def revoke(self, names: frozenset[str]) -> None:
        """End the sessions that were opened with keys of these names, or with tokens of them."""
        for session in self._sessions.values():
            if session.opened_by.owner in names:
                session.end("revoked")
        for opening in self._openings:
            opening.revoked = opening.revoked or opening.opened_by.owner in names

    def choose_latency(self, session: Session, latency: str) -> None:
        """Change a session's preset, or leave it to the server. Raises UnprocessableError for one that there is not,
        and UnavailableError for one that takes more than there is, and RateLimitError; the session goes on as it was
        then."""
        self._check_latency(latency)
        if refusal := self.admission.refuse_change(self.taken, session.latency, latency):
            raise refusal
        session.steering.choose_latency(latency)
        self._governing.wake()

    def _check_latency(self, latency: str) -> None:
        """Raises UnprocessableError."""
        if latency != AUTO:
            find_preset(self._host.info.presets, latency)

    def _preset(self, latency: str) -> str:
        return self.auto if latency == AUTO else latency

    def find(self, session_id: str, identity: Identity, role: Role) -> Session:
        """The session, for somebody who may do with it what takes ``role``. Raises NotFoundError for one that is not
        there, or not any more, and ForbiddenError for somebody who may not."""
        session = self._sessions.get(session_id)
        if session is None:
            raise NotFoundError("There is no such session; it may have ended. POST /v1/sessions opens one.")
        identity.check_session(session.id, session.opened_by, role)
        return session

    async def drain(self, seconds: float) -> None:
        """Take no more sessions, tell those that live, and end them after ``seconds``."""
        self._draining = True
        for session in self._sessions.values():
            session.drain()
        if self._sessions and seconds > 0:
            self._empty.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._empty.wait()
            except TimeoutError:
                pass
        for session in list(self._sessions.values()):
            session.end("draining")
        serving = self._tasks - {self._warming, self._governor}
        if serving:
            await asyncio.wait(serving)

    async def _serve(self, session: Session) -> None:
        try:
            if self._draining:
                session.drain()
            await session.run()
        except Exception:
            self._metrics.closed.labels("failed").inc()
            logger.exception("session %s: failed", session.id)
        finally:
            self._sessions.pop(session.id, None)
            self._governing.wake()
            if not self._sessions:
                self._empty.set()

    async def _warm(self) -> None:
        """Let the engine see the built-in portraits once, the first one before any session comes and the others
        while there is none: preparing one holds up everybody's frames. What fails is left to the sessions."""
        try:
            await self._host.ready()
            for avatar in (each for each in self._avatars.list() if each.builtin):
                while self.active:  # noqa: ASYNC110 - once a second is plenty
                    await asyncio.sleep(1)
                await self._warm_one(avatar.id)
                self._warmed = True
        except LiveheadError as error:
            logger.warning("the portraits were not prepared: %s", error)
        finally:
            self._warmed = True

    async def _warm_one(self, avatar: str) -> None:
        try:
            portrait = await self._avatars.portrait(avatar)
            stream = await self._host.open(portrait, 0, lambda k, frames, timing: None, background=True)
            await stream.close()
        except LiveheadError as error:
            logger.warning("the portrait of %s was not prepared: %s", avatar, error)
        except Exception:
            logger.exception("the portrait of %s was not prepared", avatar)

    def _own(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _on_engine(self, state: EngineState) -> None:
        self._metrics.engine_up.set(state == "ready")
