"""The texts that viewers send on their data channels."""

from __future__ import annotations

import time
from collections.abc import Callable

from livehead.core.identity import Role
from livehead.core.messages.from_client import ChooseVoice, Interrupt, Ping, Shown, decode_channel
from livehead.core.messages.from_server import Pong, encode
from livehead.errors import RequestError
from livehead.logs import SessionLog
from livehead.sessions.viewers.viewer import Viewer


class ViewerMessages:
    """Does what they ask for, each for the viewer that asks; ``on_interrupt`` may raise a RequestError. What cannot be
    understood is no reason to end a call."""

    def __init__(
        self, log: SessionLog, on_interrupt: Callable[[], None], on_shown: Callable[[Viewer, Shown], None]
    ) -> None:
        self._log = log
        self._on_interrupt = on_interrupt
        self._on_shown = on_shown

    def handle(self, viewer: Viewer, text: str) -> None:
        try:
            message = decode_channel(text)
        except RequestError as error:
            self._log.debug("a message on the data channel was refused: %s", error)
            return
        match message:
            case Ping(id):
                viewer.peer.send_text(encode(Pong(id, time.monotonic())))
            case ChooseVoice(on):
                viewer.peer.voice = on
            case Interrupt():
                self._interrupt(viewer)
            case Shown():
                self._on_shown(viewer, message)

    def _interrupt(self, viewer: Viewer) -> None:
        """As often as the session takes it, and for whoever may speak."""
        try:
            viewer.opened_by.check_role(Role.SPEAK)
            self._on_interrupt()
        except RequestError as error:
            self._log.debug("an interrupt on the data channel was refused: %s", error)
