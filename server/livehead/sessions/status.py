"""A session's state, and whoever wants to know of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from livehead.core.lifecycle import Event, Lifecycle, State
from livehead.core.messages.from_server import (
    AvatarActivity,
    LatencyNotice,
    RecordingNotice,
    StateMessage,
    Stats,
    UserActivity,
)
from livehead.logs import SessionLog

SessionMessage: TypeAlias = StateMessage | Stats | AvatarActivity | UserActivity | RecordingNotice | LatencyNotice
"""What a session tells of itself."""

Listener: TypeAlias = Callable[[SessionMessage], None]


class Status:
    """Listeners get every change of state, the figures, and who speaks, until the session is closed. They are called
    in turn; one that raises is logged and harms neither the others nor the session."""

    def __init__(self, log: SessionLog) -> None:
        self._log = log
        self._lifecycle = Lifecycle()
        self._listeners: list[Listener] = []

    @property
    def message(self) -> StateMessage:
        """The state of now, and its reason."""
        return StateMessage(self._lifecycle.state, self._lifecycle.reason)

    @property
    def closed(self) -> bool:
        return self._lifecycle.state is State.CLOSED

    def subscribe(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def unsubscribe(self, listener: Listener) -> None:
        """Twice is once."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def on(self, event: Event, reason: str | None = None) -> None:
        """Something happened; listeners are told if it changes the state. After the last state they are let go."""
        before = self.message
        self._lifecycle.on(event, reason)
        if self.message != before:
            self.tell(self.message)
        if self.closed:
            self._listeners.clear()

    def tell(self, message: SessionMessage) -> None:
        """Pass a message to all listeners."""
        for listener in list(self._listeners):
            try:
                listener(message)
            except Exception:  # noqa: BLE001 - the next one is to be told all the same
                self._log.exception("a listener failed")
