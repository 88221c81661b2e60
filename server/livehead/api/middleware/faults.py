"""Faults of the server, answered before they leave it."""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from livehead.api.problems import problem_of, respond

logger = logging.getLogger(__name__)


class Faults:
    """ASGI middleware: an error that no handler knows is logged once and answered as a 500.

    Starlette answers them outside of all other middleware, where they would be sent without the headers that every
    answer has, and not be counted. What has begun to be answered is cut off by the server.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception as error:
            if begun:
                raise
            logger.error("%s %s failed", scope.get("method", "WebSocket"), scope["path"], exc_info=error)
            response = respond(problem_of(error))
            if scope["type"] == "websocket":
                await WebSocket(scope, receive, send).send_denial_response(response)
            else:
                await response(scope, receive, send)
