"""A client for backends, on asyncio: open sessions, speak through them, hear their users. See docs/client.md."""

from livehead.client.answers import Avatar, ServerInfo, Token
from livehead.client.backend_session import BackendSession
from livehead.client.call.call import Call
from livehead.client.errors import ClientError, ConnectionLost, ProblemError, ProtocolError, SessionEnded
from livehead.client.events import CallState, Event, EventStream
from livehead.client.server import Livehead
from livehead.client.session import Session
from livehead.client.speech.playback import Playback, PlaybackResult
from livehead.core.messages.from_server import AvatarActivity, UserActivity

__all__ = [
    "Avatar",
    "AvatarActivity",
    "BackendSession",
    "Call",
    "CallState",
    "ClientError",
    "ConnectionLost",
    "Event",
    "EventStream",
    "Livehead",
    "Playback",
    "PlaybackResult",
    "ProblemError",
    "ProtocolError",
    "ServerInfo",
    "Session",
    "SessionEnded",
    "Token",
    "UserActivity",
]
