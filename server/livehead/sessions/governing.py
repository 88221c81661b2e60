"""Moves sessions between latency presets, as the governor plans it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from livehead.core.governor.governed import Governed
from livehead.core.governor.governor import Governor
from livehead.core.governor.phases import Phases
from livehead.core.latency_choice import AUTO
from livehead.engine.host.host import EngineHost
from livehead.metrics import Metrics

PERIOD_S = 0.5

CROWD_S = 0.05
"""Between two plans, however many sessions come and go."""

AFTER_FAILURE_S = 10.0

logger = logging.getLogger(__name__)


class GovernedSession(Protocol):
    """``latency`` is what was chosen, ``preset`` what it has, ``going_to`` the same, or what it is on its way to."""

    @property
    def id(self) -> str: ...
    @property
    def latency(self) -> str: ...
    @property
    def preset(self) -> str: ...
    @property
    def going_to(self) -> str: ...
    @property
    def speaking(self) -> bool: ...
    def move_to(self, name: str) -> None: ...


class Governing:
    """One server's. Every few hundred milliseconds, and at once when told that somebody came or went, it asks the
    governor what is to change. ``sessions`` returns those that are there."""

    def __init__(
        self,
        host: EngineHost,
        metrics: Metrics,
        sessions: Callable[[], Sequence[GovernedSession]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host = host
        self._metrics = metrics
        self._sessions = sessions
        self._clock = clock
        self._governor = Governor()
        self.phases = Phases()
        """When the windows of all sessions become whole."""
        self._changed = asyncio.Event()
        self._shown: set[tuple[str, str]] = set()

    def newcomer(self, opening: Iterable[Governed] = ()) -> str:
        """The preset that a session opened now would get if it left that to the server, beside those that are just
        ``opening``."""
        presets = self._host.info.presets
        capacity = self._host.capacity
        if capacity is None or capacity.costs is None:
            return min(presets, key=lambda name: presets[name].hop)
        sessions = [*map(_governed, self._sessions()), *opening]
        return self._governor.newcomer(sessions, capacity.costs, self._clock())

    def wake(self) -> None:
        """Somebody came, went, or chose."""
        self._changed.set()

    async def run(self) -> None:
        """Govern for ever."""
        while True:
            try:
                async with asyncio.timeout(PERIOD_S):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()
            try:
                self.govern()
            except Exception:  # the sessions are to go on as they are
                logger.exception("no session was moved")
                await asyncio.sleep(AFTER_FAILURE_S)
            await asyncio.sleep(CROWD_S)

    def govern(self) -> None:
        """Make the moves that are due."""
        sessions = {session.id: session for session in self._sessions()}
        capacity = self._host.capacity
        if capacity is not None and capacity.costs is not None:
            moves = self._governor.plan([*map(_governed, sessions.values())], capacity.costs, self._clock())
            order = list(capacity.costs.presets)
            for move in moves:
                session = sessions[move.id]
                up = order.index(move.preset) > order.index(session.going_to)
                logger.debug("session %s: from %s to %s: %s", move.id, session.going_to, move.preset, move.reason)
                session.move_to(move.preset)
                self._metrics.latency_moves.labels("up" if up else "down", move.reason).inc()
        self._show(sessions.values())
        self._metrics.held.set(self._governor.waiting)

    def _show(self, sessions: Iterable[GovernedSession]) -> None:
        now = Counter((session.preset, session.latency) for session in sessions)
        for preset, latency in self._shown | now.keys():
            self._metrics.sessions_by_preset.labels(preset, latency).set(now[preset, latency])
        self._shown |= now.keys()


def _governed(session: GovernedSession) -> Governed:
    return Governed(session.id, session.going_to, session.speaking, fixed=session.latency != AUTO)
