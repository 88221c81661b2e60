"""Counts HTTP answers by method and status, those that refuse a WebSocket among them."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from livehead.api.middleware.headers import ANSWERS
from livehead.metrics import Metrics

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Counting:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        method = scope.get("method", "GET")  # of a WebSocket's opening handshake, which may be refused
        method = method if method in _METHODS else "OTHER"

        async def send_and_count(message: Message) -> None:
            if message["type"] in ANSWERS:
                self._metrics.requests.http.labels(method, str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, send_and_count)
