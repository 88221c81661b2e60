"""Whoever wants to know what becomes of a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from livehead.core.messages.from_server import StateMessage, Stats
from livehead.logs import SessionLog

Listener: TypeAlias = Callable[[StateMessage | Stats], None]


class Listeners:
    """They are called in turn; one that raises is logged and harms neither the others nor the session."""

    def __init__(self, log: SessionLog) -> None:
        self._log = log
        self._listeners: list[Listener] = []

    def add(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def remove(self, listener: Listener) -> None:
        """Twice is once."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def tell(self, message: StateMessage | Stats) -> None:
        for listener in list(self._listeners):
            try:
                listener(message)
            except Exception:  # noqa: BLE001 - the next one is to be told all the same
                self._log.exception("a listener failed")

    def clear(self) -> None:
        self._listeners.clear()
