"""RTVI 2 on a data channel, as @pipecat-ai/client-js speaks it: the part of it that a portrait without a language
model has something to say to. Around it are the transport's own messages, of small-webrtc-transport 1.x."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import livehead
from livehead.core.lifecycle import State
from livehead.core.limits import MAX_MESSAGE
from livehead.core.messages.from_server import AvatarActivity, StateMessage, UserActivity
from livehead.core.messages.json_object import read_object
from livehead.errors import RequestError
from livehead.sessions.status import SessionMessage

LABEL = "rtvi-ai"
VERSION = "2.0.0"
MAX_ID = 64
"""Characters of a message's id that are sent back."""

FAULTS = {
    "engine-down": "The engine is being restarted; the picture stands still until it is back.",
    "media-lost": "Nothing arrives from this client; the call ends if that goes on.",
}
"""By the reason of a degraded session."""

DRAINING = "The server is shutting down; this call ends in a moment."


class Rtvi:
    """One client's. ``send`` gets texts for its data channel, ``end`` is called when it asks for the end."""

    def __init__(self, send: Callable[[str], object], end: Callable[[], None]) -> None:
        self._send = send
        self._end = end
        self._live = self._ready = self._silent = False
        self._client: tuple[str, str] | None = None  # the id of its client-ready, and the version to answer with

    def receive(self, text: str) -> None:
        """A text of the client. What is none of RTVI's is ignored: once a second the transport says ``ping: …``, and
        its ``trackStatus`` tells of a muted microphone, which is heard as silence anyway."""
        if not text.startswith("{"):
            return
        try:
            message = read_object(text, MAX_MESSAGE)
        except RequestError:
            return
        if message.get("label") != LABEL:
            return
        kind, given = message.get("type"), message.get("id")
        message_id = given[:MAX_ID] if isinstance(given, str) else ""
        if kind == "client-ready":
            self._client = message_id, _version_for(message.get("data"))
            self._answer()
        elif kind == "disconnect-bot":
            self._end()
        else:
            error = f"Livehead has no answer to {str(kind)[:40]!r}: it shows a portrait, and runs no language model."
            self._tell("error-response", {"error": error}, message_id)

    def hear(self, message: SessionMessage) -> None:
        """What the session tells of itself."""
        match message:
            case AvatarActivity(state):
                self._tell("bot-started-speaking" if state == "speaking" else "bot-stopped-speaking")
            case UserActivity(state):
                self._tell("user-started-speaking" if state == "speaking" else "user-stopped-speaking")
            case StateMessage(State.LIVE):
                self._live = True
                self._answer()
            case StateMessage(State.DEGRADED, reason):
                self._tell("error", {"error": FAULTS.get(str(reason), str(reason)), "fatal": False})
            case StateMessage(State.DRAINING):
                self._tell("error", {"error": DRAINING, "fatal": False})

    def leave(self) -> None:
        """The session ends: without this the client would take it for a bad network, and call again."""
        if self._silent:
            return
        self._send(json.dumps({"type": "signalling", "message": {"type": "peerLeft"}}))

    def fall_silent(self) -> None:
        """The client goes on with another peer connection: what this one says of its end it would take for the
        bot's."""
        self._silent = True

    def _answer(self) -> None:
        """The bot is ready when the client says that it is, and the session is live."""
        if self._client is None or not self._live:
            return
        (message_id, version), self._client, self._ready = self._client, None, True
        about = {"library": "livehead", "library_version": livehead.__version__}
        self._tell("bot-ready", {"version": version, "about": about}, message_id)

    def _tell(self, kind: str, data: dict[str, Any] | None = None, message_id: str | None = None) -> None:
        """Events have no id; before the client is ready it wants none."""
        if not self._ready and kind not in ("error", "error-response"):
            return
        message: dict[str, Any] = {"label": LABEL, "type": kind}
        if message_id is not None:
            message["id"] = message_id
        if data is not None:
            message["data"] = data
        self._send(json.dumps(message))


def _version_for(data: object) -> str:
    """The version to answer with: a client of protocol 1 is told its own, as Pipecat does. What is sent here is the
    same in both."""
    given = data.get("version") if isinstance(data, dict) else None
    parts = given.split(".") if isinstance(given, str) and len(given) < 32 else []
    legacy = len(parts) == 3 and parts[0] == "1" and all(part.isascii() and part.isdigit() for part in parts)
    return str(given) if legacy else VERSION
