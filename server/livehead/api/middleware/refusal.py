"""A request that is refused before any route sees it."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from livehead.api.problems import deny, problem_of, respond
from livehead.api.refusals import note_refusal
from livehead.errors import RequestError


async def refuse(error: RequestError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the problem document, and note it in the log. ``scope`` is of HTTP or of a WebSocket."""
    if scope["type"] == "websocket":
        await deny(WebSocket(scope, receive, send), error)
        return
    note_refusal(HTTPConnection(scope), error)
    await respond(problem_of(error))(scope, receive, send)
