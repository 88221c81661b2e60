"""The server's end of a session's sockets, driven by a test: it sees what the client sends and says what it likes."""

from __future__ import annotations

import asyncio
import contextlib
import http
import json
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from waiting import patient


class FakeSocket:
    """One connection. ``path`` has its query; ``received`` is everything that came."""

    def __init__(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.path = connection.request.path
        self.headers = connection.request.headers
        self.received: list[str | bytes] = []
        self.closed = asyncio.Event()
        self._connection = connection
        self._news: asyncio.Queue[str | bytes] = asyncio.Queue()

    @property
    def samples(self) -> int:
        return sum(len(each) for each in self.received if isinstance(each, bytes)) // 2

    async def next(self, kind: str, within: float = 5.0) -> None:
        """Wait for a text of this type; samples are passed over."""
        async with patient(within):
            while True:
                message = await self._news.get()
                if isinstance(message, str) and json.loads(message)["type"] == kind:
                    return

    async def tell(self, kind: str = "playback", **fields: Any) -> None:
        await self._connection.send(json.dumps({"type": kind, **fields}))

    async def send(self, message: str | bytes) -> None:
        await self._connection.send(message)

    async def close(self, code: int) -> None:
        await self._connection.close(code)

    def abort(self) -> None:
        """As a network that fails."""
        self._connection.transport.abort()

    async def run(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in self._connection:
                self.received.append(message)
                self._news.put_nowait(message)
        self.closed.set()


class FakeSockets:
    """``refusals`` are the answers to the next handshakes: status, headers and body; without any, all are accepted."""

    def __init__(self) -> None:
        self.url = ""
        self.refusals: deque[tuple[int, dict[str, str], bytes]] = deque()
        self.handshakes: list[str] = []
        self._accepted: asyncio.Queue[FakeSocket] = asyncio.Queue()

    def refuse(self, status: int, times: int = 1, **problem: Any) -> None:
        """Answer handshakes with a problem document."""
        body = json.dumps(
            {"type": "urn:livehead:test", "title": "No", "status": status, "detail": "Not now."} | problem
        )
        self.refusals.extend([(status, {"Content-Type": "application/problem+json"}, body.encode())] * times)

    async def accepted(self, within: float = 5.0) -> FakeSocket:
        """The next connection."""
        async with patient(within):
            return await self._accepted.get()

    def process(self, _: ServerConnection, request: Request) -> Response | None:
        self.handshakes.append(request.path)
        if not self.refusals:
            return None
        status, headers, body = self.refusals.popleft()
        sent = Headers({"Content-Length": str(len(body)), "Connection": "close"} | headers)
        return Response(status, http.HTTPStatus(status).phrase, sent, body)

    async def handle(self, connection: ServerConnection) -> None:
        socket = FakeSocket(connection)
        self._accepted.put_nowait(socket)
        await socket.run()


@contextlib.asynccontextmanager
async def fake_sockets() -> AsyncIterator[FakeSockets]:
    fake = FakeSockets()
    async with serve(fake.handle, "127.0.0.1", 0, process_request=fake.process) as server:
        fake.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield fake
