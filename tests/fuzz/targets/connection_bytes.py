"""Bytes of a TCP connection: heads, bodies and WebSocket frames, cut anywhere, on the server's own protocols.

A piece is what one read brings. The application reads bodies, answers, and sends WebSocket messages back.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import struct
from functools import cache
from typing import Any

from fuzz.handlers import handled_by
from fuzz.loop import wait_for
from fuzz.mutators import change_bytes
from fuzz.target import Target
from livehead.metrics import Metrics
from livehead.settings import load
from livehead.transport.http_protocol import MAX_FIELDS, MAX_HEAD, MAX_URL, HttpProtocol
from livehead.transport.server import Server
from livehead.transport.websocket_protocol import MAX_MESSAGE

TURNS = 6
"""Turns of the event loop after a read."""


class _App:
    def __init__(self) -> None:
        self.requests = 0
        self.bodies: list[bytes] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.requests += 1
        assert len(scope["headers"]) <= MAX_FIELDS
        assert sum(len(name) + len(value) for name, value in scope["headers"]) <= MAX_HEAD
        assert len(scope["raw_path"]) + len(scope["query_string"]) <= MAX_URL
        for name, value in scope["headers"]:
            assert not set(name + value) & set(b"\r\n\0"), "a header field of more than a line"
        if scope["type"] == "websocket":
            await self._talk(receive, send)
        else:
            await self._answer(receive, send)

    async def _answer(self, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "http.request":
            self.bodies.append(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def _talk(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            text, data = message.get("text"), message.get("bytes")
            assert len(text if text is not None else data) <= MAX_MESSAGE
            if text is not None:
                text.encode("utf-8", "surrogateescape")
            await send({"type": "websocket.send", "text": "ok"})


class _Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 9), "sockname": ("192.0.2.2", 80)})
        self.written = bytearray()
        self.closed = self.paused = False
        self.protocol: Any = None

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_protocol(self) -> Any:
        return self.protocol

    def write(self, data: Any) -> None:
        self.written += data

    def writelines(self, parts: Any) -> None:
        self.written += b"".join(parts)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def is_reading(self) -> bool:
        return not self.paused

    def get_write_buffer_size(self) -> int:
        return 0


class _Faults(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.faults: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        if record.levelno >= logging.ERROR or record.exc_info or not line.isprintable():
            self.faults.append(line)


_app = _App()
_faults = _Faults()


@cache
def _server() -> Server:
    server = Server(_app, load({}), Metrics())
    server.lifespan = server.config.lifespan_class(server.config)
    return server


def run(data: bytes) -> None:
    """Reads are cut where the last byte says, and behind every head."""
    if not data:
        return
    server = _server()
    _app.bodies.clear()
    asked = _app.requests
    with handled_by(_faults, "uvicorn", "livehead.transport", "websockets"):
        written = wait_for(_serve(server, data[:-1], 1 + data[-1] * data[-1]))
    faults, _faults.faults = _faults.faults, []
    assert not faults, faults[0]
    assert len(server._connections) == 0, "a connection was not forgotten"
    assert not server.server_state.tasks, "a task was left behind"
    assert sum(map(len, _app.bodies)) <= len(data), "more body than was sent"
    if written:
        first = re.match(rb"HTTP/1\.1 (\d{3}) ", written)
        assert first is not None, written[:80]
        assert int(first[1]) < 500 or int(first[1]) == 503, written[:80]
    assert _app.requests - asked <= data.count(b"\n") + 1


async def _serve(server: Server, data: bytes, size: int) -> bytes:
    transport = _Transport()
    connection = server._connections.admit("192.0.2.1", transport.abort)
    assert connection is not None
    protocol = HttpProtocol(
        server.config,
        server.server_state,
        server.lifespan.state,
        connection=connection,
        request_seconds=10.0,
        messages_per_second=20.0,
    )
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    reads = [part[at : at + size] for part in re.split(rb"(?<=\r\n\r\n)", data) for at in range(0, len(part), size)]
    for read in reads[:200]:
        for _ in range(TURNS * 20):
            await asyncio.sleep(0)
            if not transport.paused:
                break
        if transport.closed or transport.paused:
            break
        transport.protocol.data_received(read)
    for _ in range(TURNS):
        await asyncio.sleep(0)
    server._connections.check(asyncio.get_running_loop().time() + 1000)
    transport.closed = True
    transport.protocol.connection_lost(None)
    for _ in range(50):
        if not server.server_state.tasks:
            break
        await asyncio.sleep(0)
    return bytes(transport.written)


def frame(kind: int, content: bytes, *, final: bool = True) -> bytes:
    """A WebSocket frame of a client (RFC 6455 section 5.2), masked with zeros."""
    size = len(content)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size)
    return bytes([kind | (0x80 if final else 0)]) + length + bytes(4) + content


UPGRADE = (
    b"GET /v1/signal HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
FRAMES = (
    *(frame(1, b"{}"), frame(1, b"{", final=False), frame(0, b"}"), frame(2, bytes(200)), frame(9, b"ping")),
    *(
        frame(10, b""),
        frame(8, b"\x03\xe8"),
        frame(8, b"\x03"),
        frame(1, b"\xff\xfe"),
        frame(3, b""),
        frame(9, bytes(126)),
    ),
    *(b"\xc1\x80\0\0\0\0", b"\x81\x00", b"\x81\xff" + bytes([0x7F]) + bytes(11), b"\x81\xff" + bytes(12)),
)
_HEADS = (
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nv=0\n",
    b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nv=0\n\r\n0\r\nTrailer: x\r\n\r\n",
    b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://x/%2e%2e/ HTTP/1.1\r\nHost: y\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    UPGRADE,
)
_LINES = (
    *(b"Content-Length: 99999999999\r\n", b"Content-Length: -1\r\n", b"Content-Length: 1, 2\r\n", b" folded\r\n"),
    *(
        b"Transfer-Encoding: chunked, x\r\n",
        b"Host: a\r\n",
        b"X: \xff\r\n",
        b"X : y\r\n",
        b"X:\0\r\n",
        b"\r\n",
        b"\n",
        b"\r",
    ),
    *(b"Connection: close\r\n", b"Upgrade: websocket\r\n", b"Sec-WebSocket-Version: 99\r\n", b"FFFFFFFFFFFFFFFFF\r\n"),
)


def _mutate(data: bytes, chance: random.Random) -> bytes:
    body, cut = data[:-1], data[-1:] or b"\xff"
    at = chance.choice((0, len(body), *(match.end() for match in re.finditer(rb"\n", body))))
    match chance.randrange(6):
        case 0:
            part = chance.choice(_HEADS)
        case 1:
            part = b"".join(chance.choices(FRAMES, k=chance.choice((1, 2, 8, 300))))
        case 2:
            part = chance.choice(_LINES) * chance.choice((1, 1, 2, 120))
        case 3:
            return body + bytes([chance.choice((0, 1, 5, 40, 255))])
        case _:
            return change_bytes(body, chance) + cut
    return body[:at] + part + body[at:] + cut


TARGET = Target(
    "connection_bytes",
    run,
    (*(head + b"\xff" for head in _HEADS), UPGRADE + b"".join(FRAMES[:6]) + b"\xff", b"".join(_HEADS[:4]) + b"\x04"),
    _mutate,
    48 * 1024,
    (20_000, 40.0),
)
