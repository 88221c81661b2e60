"""What every answer tells browsers about how far to trust it.

Content-Security-Policy (CSP level 3): pages run the server's own scripts and nothing inline; every other answer runs
nothing at all, should a browser ever show it as a document.

Referrer-Policy is same-origin, so that no address of ours, which may carry a token, is told to another site. It is not
no-referrer, under which browsers send ``Origin: null`` with a beacon to their own server.

Cross-Origin-Resource-Policy keeps other sites' pages from showing our images and running our scripts unasked. The
client's modules are for all, and images are for pages of other origins where some are allowed to call.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from livehead.api.middleware.cors import PUBLIC
from livehead.origins import parse_host

ANSWERS = ("http.response.start", "websocket.http.response.start")
"""The messages that begin an HTTP answer, to a WebSocket's opening handshake too."""

PAGE = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "media-src 'self' blob: mediastream:",
    "connect-src 'self'",  # WebSockets of the same host are 'self' (CSP level 3)
    "font-src 'self'",
    "worker-src 'self' blob:",
    "base-uri 'none'",
    "form-action 'none'",
)
NOTHING = "default-src 'none'; frame-ancestors 'none'"

PERMISSIONS = "camera=(self), microphone=(self), display-capture=(), geolocation=(), payment=(), usb=()"
"""Permissions-Policy. A page that shows ours in a frame hands them on by ``allow="microphone; camera"``."""

YEAR_S = 365 * 24 * 3600

PAGE_TYPES = ("text/html", "text/javascript")
"""A worker gets its policy from its script's answer."""

_FRAME_OPTIONS = {("'self'",): "SAMEORIGIN", ("'none'",): "DENY", (): "DENY"}


class SecurityHeaders:
    """ASGI middleware. ``frame_ancestors`` are sources of CSP, which the settings check; ``embedded`` says that
    pages of other origins may call, and show the images."""

    def __init__(self, app: ASGIApp, frame_ancestors: Sequence[str], *, embedded: bool) -> None:
        self._app = app
        self._page = "; ".join((*PAGE, f"frame-ancestors {' '.join(frame_ancestors) or chr(39) + 'none' + chr(39)}"))
        self._frame_options = _FRAME_OPTIONS.get(tuple(frame_ancestors))
        self._embedded = embedded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] in ANSWERS:
                self._add(MutableHeaders(scope=message), scope, int(message["status"]))
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _add(self, headers: MutableHeaders, scope: Scope, status: int) -> None:
        if status == HTTPStatus.NOT_MODIFIED:
            return  # it has no type, and its headers would replace those of the stored answer (RFC 9111 section 3.2)
        kind = headers.get("content-type", "").partition(";")[0].strip()
        is_page = kind in PAGE_TYPES
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "same-origin"
        headers["Permissions-Policy"] = PERMISSIONS
        headers["Content-Security-Policy"] = self._page if is_page else NOTHING
        host = Headers(scope=scope).get("host", "")
        encrypted = scope["scheme"] in ("https", "wss")
        if encrypted or _is_loopback(host):
            headers["Cross-Origin-Opener-Policy"] = "same-origin"
        shared = scope["path"].startswith(PUBLIC) or (self._embedded and kind.startswith("image/"))
        headers["Cross-Origin-Resource-Policy"] = "cross-origin" if shared else "same-origin"
        frame_options = self._frame_options if is_page else "DENY"
        if frame_options is not None:
            headers["X-Frame-Options"] = frame_options
        if encrypted and _is_public_name(host):
            headers["Strict-Transport-Security"] = f"max-age={YEAR_S}"


def _is_loopback(host: str) -> bool:
    """Browsers heed an opener policy from trustworthy origins only, and complain about others' on the console."""
    try:
        return parse_host(host).is_loopback
    except ValueError:
        return False


def _is_public_name(host: str) -> bool:
    """Browsers heed HSTS for names only (RFC 6797 section 8.3); localhost is shared by all that is developed on it."""
    try:
        parsed = parse_host(host)
    except ValueError:
        return False
    return parsed.address is None and not parsed.is_loopback
