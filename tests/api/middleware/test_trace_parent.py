"""What a request says of the trace that it is a part of is there while it is served, and bounded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livehead.api.middleware.trace_parent import MOST_OCTETS, TraceParent
from livehead.tracing.trace import PARENT


async def seen(kind: str, *headers: tuple[bytes, bytes]) -> Mapping[str, str]:
    found: list[Mapping[str, str]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.append(PARENT.get())

    await TraceParent(app)({"type": kind, "headers": headers}, None, None)  # type: ignore[arg-type]
    return found[0]


async def test_both_headers_are_there_for_requests_and_sockets() -> None:
    headers = ((b"host", b"x"), (b"traceparent", b"00-a-b-01"), (b"tracestate", b"v=1"))
    for kind in ("http", "websocket"):
        assert await seen(kind, *headers) == {"traceparent": "00-a-b-01", "tracestate": "v=1"}
    assert PARENT.get() == {}


async def test_long_ones_are_left_out() -> None:
    assert await seen("http", (b"traceparent", b"x" * (MOST_OCTETS + 1)), (b"tracestate", b"v=1")) == {
        "tracestate": "v=1"
    }


async def test_a_lifespan_has_none() -> None:
    found: list[Mapping[str, str]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.append(PARENT.get())

    await TraceParent(app)({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
    assert found == [{}]
