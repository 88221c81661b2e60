"""Cross-origin access (Fetch standard, CORS protocol), for pages that embed a portrait from elsewhere.

Starlette's own middleware answers every preflight itself, so a route could not add ``Accept-Post``
as RFC 9725 section 4.7 asks; here OPTIONS reaches the routes and only the headers are added.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from livehead.errors import ForbiddenError

EXPOSED = "Location, ETag, Link, Retry-After"
METHODS = "GET, POST, PATCH, DELETE, OPTIONS"
MAX_AGE_S = 600


def allows(origins: Sequence[str], origin: str | None, host: str | None) -> bool:
    """Whether a page of ``origin`` may call us at ``host``. No origin means no browser page."""
    if origin is None or "*" in origins or origin in origins:
        return True
    return origin.partition("://")[2] == host


def check_origin(connection: HTTPConnection, origins: Sequence[str]) -> None:
    """Browsers open WebSockets across origins without asking (RFC 6455 section 10.2), so the server has to look.
    Raises ForbiddenError for a page that may not."""
    origin = connection.headers.get("origin")
    if not allows(origins, origin, connection.headers.get("host")):
        raise ForbiddenError(f"Pages of {origin} may not use this server; see LIVEHEAD_CORS_ORIGINS.")


class Cors:
    """ASGI middleware: adds the CORS headers, and ends preflights that no route answers."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = tuple(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Headers(scope=scope)
        origin = request.get("origin")
        preflight = scope["method"] == "OPTIONS" and "access-control-request-method" in request

        known = origin is not None and allows(self._origins, origin, request.get("host"))
        unanswered = False

        async def send_with_headers(message: Message) -> None:
            nonlocal unanswered
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if preflight and known and message["status"] in (404, 405):  # a route without OPTIONS of its own
                    unanswered = True
                    message["status"] = 204
                    for name in ("content-length", "content-type"):
                        del headers[name]
                self._add(headers, request, origin if known else None, preflight=preflight)
            elif unanswered and message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _add(self, headers: MutableHeaders, request: Headers, origin: str | None, *, preflight: bool) -> None:
        if "*" not in self._origins:
            headers.add_vary_header("Origin")
        if origin is None:
            return
        headers["Access-Control-Allow-Origin"] = "*" if "*" in self._origins else origin
        headers["Access-Control-Expose-Headers"] = EXPOSED
        if preflight:
            headers["Access-Control-Allow-Methods"] = METHODS
            headers["Access-Control-Allow-Headers"] = request.get("access-control-request-headers", "*")
            headers["Access-Control-Max-Age"] = str(MAX_AGE_S)
