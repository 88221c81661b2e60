"""Cross-origin access (Fetch standard, CORS protocol), for pages that embed a portrait from elsewhere.

Starlette's own middleware answers every preflight itself, so a route could not add ``Accept-Post`` as RFC 9725
section 4.7 asks; here OPTIONS reaches the routes and only the headers are added.

The client's modules are open to every page: a browser imports modules from elsewhere by CORS alone, they are the same
files for everybody, and hold nothing. Which pages may call is asked where they call.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from livehead.api.middleware.origins import SAFE, Origins

PUBLIC = "/client/"
EXPOSED = "Location, ETag, Link, Retry-After, WWW-Authenticate"
METHODS = "GET, POST, PATCH, DELETE, OPTIONS"
HEADERS = "Authorization, Content-Type, If-Match"
MAX_AGE_S = 600


class Cors:
    """ASGI middleware: adds the CORS headers for pages that may call, and ends preflights that no route answers.

    No cookies are meant: who calls says so in ``Authorization``, which a page must know to send.
    """

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Headers(scope=scope)
        public = self._origins.any or (scope["path"].startswith(PUBLIC) and scope["method"] in SAFE)
        known = "origin" in request and (public or self._origins.allow(scope))
        preflight = scope["method"] == "OPTIONS" and "access-control-request-method" in request
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
                _allow(headers, request, public=public, known=known)
                if preflight and known:
                    _answer_preflight(headers, request)
            elif unanswered and message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _allow(headers: MutableHeaders, request: Headers, *, public: bool, known: bool) -> None:
    """What is public says so to everybody, so that caches may keep one answer for all."""
    if public:
        headers["Access-Control-Allow-Origin"] = "*"
    else:
        headers.add_vary_header("Origin")
        if known:
            headers["Access-Control-Allow-Origin"] = request["origin"]
    if public or known:
        headers["Access-Control-Expose-Headers"] = EXPOSED


def _answer_preflight(headers: MutableHeaders, request: Headers) -> None:
    """Any header may be sent: ``*`` would leave out ``Authorization``, so they are repeated."""
    headers["Access-Control-Allow-Methods"] = METHODS
    headers["Access-Control-Allow-Headers"] = request.get("access-control-request-headers", HEADERS)
    headers["Access-Control-Max-Age"] = str(MAX_AGE_S)
    headers.add_vary_header("Access-Control-Request-Headers")
