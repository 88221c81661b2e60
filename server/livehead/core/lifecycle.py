"""The states of a session, as one transition table.

    connecting ──connected──▶ live ──drain──▶ draining ──close──▶ closed
                              ▲  │
                  fault mended│  │a fault: engine down, media lost
                              │  ▼
                            degraded

``closed`` may be reached from everywhere and left for nowhere. Faults are remembered in every
state, so that a session which connects while the engine is down starts degraded.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    CONNECTING = "connecting"
    LIVE = "live"
    DEGRADED = "degraded"
    DRAINING = "draining"
    CLOSED = "closed"


class Event(StrEnum):
    CONNECTED = "connected"
    ENGINE_DOWN = "engine-down"
    ENGINE_UP = "engine-up"
    MEDIA_LOST = "media-lost"
    MEDIA_BACK = "media-back"
    MENDED = "mended"
    """The last fault is gone; :class:`Lifecycle` makes it itself."""
    DRAIN = "drain"
    CLOSE = "close"


_S, _E = State, Event

TRANSITIONS: dict[State, dict[Event, State]] = {
    _S.CONNECTING: {_E.CONNECTED: _S.LIVE, _E.DRAIN: _S.DRAINING, _E.CLOSE: _S.CLOSED},
    _S.LIVE: {
        _E.ENGINE_DOWN: _S.DEGRADED,
        _E.MEDIA_LOST: _S.DEGRADED,
        _E.DRAIN: _S.DRAINING,
        _E.CLOSE: _S.CLOSED,
    },
    _S.DEGRADED: {_E.MENDED: _S.LIVE, _E.DRAIN: _S.DRAINING, _E.CLOSE: _S.CLOSED},
    _S.DRAINING: {_E.CLOSE: _S.CLOSED},
    _S.CLOSED: {},
}
"""Everything that is not in the table leaves the state as it is."""

_FAULTS: dict[Event, Event] = {_E.ENGINE_UP: _E.ENGINE_DOWN, _E.MEDIA_BACK: _E.MEDIA_LOST}
"""Which event mends which fault."""


class Lifecycle:
    """One session's state. ``reason`` says why the state is what it is, in a stable word, or is None."""

    def __init__(self) -> None:
        self._state = State.CONNECTING
        self._faults: dict[Event, None] = {}  # in the order in which they came
        self._reason: str | None = None

    @property
    def state(self) -> State:
        return self._state

    @property
    def reason(self) -> str | None:
        if self._state is State.DEGRADED:
            return str(next(iter(self._faults)))
        return self._reason

    def on(self, event: Event, reason: str | None = None) -> State:
        """Take an event, return the state it leads to. Nothing raises: an event that means nothing
        in a state leaves it as it is. ``reason`` is kept with ``draining`` and ``closed``."""
        if event in _FAULTS.values():
            self._faults[event] = None
        elif event in _FAULTS:
            self._faults.pop(_FAULTS[event], None)
            if not self._faults:
                self._move(Event.MENDED, None)
            return self._state
        self._move(event, reason)
        if self._state is State.LIVE and self._faults:
            self._move(next(iter(self._faults)), None)
        return self._state

    def _move(self, event: Event, reason: str | None) -> None:
        state = TRANSITIONS[self._state].get(event)
        if state is not None:
            self._state = state
            self._reason = reason
