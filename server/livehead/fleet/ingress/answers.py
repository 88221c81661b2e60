"""What the ingress answers by itself."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from livehead.api.middleware.cors import Cors
from livehead.api.middleware.headers import SecurityHeaders
from livehead.api.middleware.origins import Origins
from livehead.api.problems import response_to
from livehead.errors import RequestError

DENIAL = "websocket.http.response"


class Answers:
    """They have the headers that a server's answers have, so that pages of other origins may read them, too."""

    def __init__(self, cors_origins: Sequence[str]) -> None:
        self._origins = Origins(cors_origins)

    async def send(self, response: Response, scope: Scope, receive: Receive, send: Send) -> None:
        """To an HTTP request."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await response(scope, receive, send)

        await self._with_headers(app)(scope, receive, send)

    async def refuse(self, error: RequestError, scope: Scope, receive: Receive, send: Send) -> None:
        """A problem document, to a WebSocket's opening handshake too."""
        if scope["type"] == "websocket":
            await self.deny(response_to(error), scope, receive, send)
        else:
            await self.send(response_to(error), scope, receive, send)

    async def deny(self, response: Response, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a WebSocket's opening handshake with ``response`` instead."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            socket = WebSocket(scope, receive, send)
            if DENIAL in scope.get("extensions", {}):
                await socket.send_denial_response(response)
            else:
                await socket.close()  # which is 403: this server can say no more

        await self._with_headers(app)(scope, receive, send)

    def _with_headers(self, app: ASGIApp) -> ASGIApp:
        return Cors(SecurityHeaders(app, ("'none'",), embedded=False), self._origins)
