"""Which pages may call: those of the server's own origin, and those of the origins that are listed.

A browser lets a page of any site send simple requests (Fetch standard, CORS-safelisted) and open WebSockets (RFC 6455
section 10.2) without asking; it only keeps the answer from the page. So what changes something looks itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from livehead.api.middleware.refusal import refuse
from livehead.errors import ForbiddenError
from livehead.origins import Host, parse_host, parse_origin

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110 section 9.2.1)."""


class Origins:
    """``listed`` are origins, ``null``, or ``*`` for any; the settings check them."""

    def __init__(self, listed: Sequence[str]) -> None:
        self.any = "*" in listed
        self._listed = frozenset(listed)

    def allow(self, scope: Scope) -> bool:
        """Whether the page that makes a request may. Without an Origin it is no page of a browser."""
        headers = Headers(scope=scope)
        given = headers.getlist("origin")
        if not given or self.any:
            return True
        if len(given) > 1:
            return False
        if given[0] == "null":  # a sandboxed frame, a local file: nobody knows whose
            return "null" in self._listed
        try:
            origin = parse_origin(given[0])
        except ValueError:
            return False
        if str(origin) in self._listed:
            return True
        host = _host(headers)
        return host is not None and origin.is_of(host, scope["scheme"])


class OriginCheck:
    """ASGI middleware: refuses what changes something, and WebSockets, to pages that may not call."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _changes(scope) and not self._origins.allow(scope):
            await refuse(_error(Headers(scope=scope)["origin"]), scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _changes(scope: Scope) -> bool:
    return scope["type"] == "websocket" or (scope["type"] == "http" and scope["method"] not in SAFE)


def _error(origin: str) -> ForbiddenError:
    return ForbiddenError(
        f"Pages of {origin[:80]} may not use this server. If they should, add the origin to LIVEHEAD_CORS_ORIGINS; if "
        "it is the server's own, behind a proxy, let the proxy pass the Host header on.",
        problem="origin",
    )


def _host(headers: Headers) -> Host | None:
    try:
        return parse_host(headers.get("host", ""))
    except ValueError:
        return None
