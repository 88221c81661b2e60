"""An HTTP server that answers as a test says."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livehead.transport.listening import listen
from waiting import until


@dataclass
class Received:
    method: str
    path: str
    headers: dict[str, str]
    query: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class FakeHttp:
    """``answers`` are given in turn: status, body and headers; then 200 and an empty object."""

    url: str = ""
    answers: deque[tuple[int, bytes, dict[str, str]]] = field(default_factory=deque)
    received: list[Received] = field(default_factory=list)

    def answer(self, status: int, body: Any = b"", **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append((status, data, {name.replace("_", "-"): value for name, value in headers.items()}))

    def problem(self, status: int, **fields: Any) -> None:
        told = {"type": "urn:livehead:test", "title": "No", "status": status, "detail": "Not now."} | fields
        self.answer(status, told)

    async def handle(self, request: Request) -> Response:
        body = await request.body()
        query = dict(request.query_params)
        self.received.append(Received(request.method, request.url.path, dict(request.headers), query, body))
        status, data, headers = self.answers.popleft() if self.answers else (200, b"{}", {})
        return Response(data, status, headers)


@contextlib.asynccontextmanager
async def fake_http() -> AsyncIterator[FakeHttp]:
    fake = FakeHttp()
    methods = ["GET", "POST", "DELETE", "PATCH"]
    app = Starlette(routes=[Route("/{path:path}", fake.handle, methods=methods)])
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]  # they stay with pytest
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await until(lambda: server.started)
        fake.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield fake
    finally:
        server.should_exit = True
        await task
