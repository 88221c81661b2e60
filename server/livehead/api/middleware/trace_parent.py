"""Which trace a request is a part of (W3C Trace Context)."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from livehead.tracing.trace import PARENT

NAMES = (b"traceparent", b"tracestate")

MOST_OCTETS = 512
"""Of either header: what the recommendation asks to be passed on (section 3.3.1.5). Longer ones are left out."""


class TraceParent:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = {
            name.decode(): value.decode("latin-1")
            for name, value in scope.get("headers", ())
            if name in NAMES and len(value) <= MOST_OCTETS
        }
        token = PARENT.set(found)
        try:
            await self._app(scope, receive, send)
        finally:
            PARENT.reset(token)
