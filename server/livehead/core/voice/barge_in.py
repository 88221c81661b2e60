"""Barge-in: a user who begins to speak while the portrait speaks interrupts it."""

from __future__ import annotations

from collections.abc import Callable

from livehead.core.messages.from_server import AvatarActivity, UserActivity


class BargeIn:
    """A listener to what a session tells; calls ``interrupt`` once for each time that a user begins."""

    def __init__(self, interrupt: Callable[[], None]) -> None:
        self._interrupt = interrupt
        self._portrait_speaks = False

    def __call__(self, message: object) -> None:
        match message:
            case AvatarActivity(state):
                self._portrait_speaks = state == "speaking"
            case UserActivity("speaking") if self._portrait_speaks:
                self._interrupt()
