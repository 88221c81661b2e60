"""HTTP/1.1 and WebSocket by the byte: an attacker sends what no library would, and from an address of its own."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livehead.bench.attack.line import Line
from livehead.errors import LiveheadError

ANSWER_S = 20.0
"""How long an answer may take."""

TEXT, BINARY, CLOSE = 1, 2, 8
"""Opcodes of WebSocket frames (RFC 6455 section 5.2)."""

CUT = "cut off"
"""What is said of a connection that the server ended without a word."""

KEPT = 131
"""Bytes of the longest closing frame, with its header."""


class RefusedError(LiveheadError):
    """The server answered a WebSocket's handshake with another status than 101."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")


@dataclass(frozen=True, slots=True)
class Target:
    """Where the server is, the addresses of its UDP sockets, the address to attack from, and the attacker's own API
    key: it is a client like others."""

    host: str
    port: int
    media: tuple[tuple[str, int], ...]
    source: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """One TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: Line, target: Target) -> None:
        self._reader = reader
        self._writer = writer
        self._line = line
        self._given = {"Host": f"{target.host}:{target.port}"}
        if target.key:
            self._given["Authorization"] = f"Bearer {target.key}"

    @classmethod
    async def open(cls, target: Target, line: Line) -> Wire:
        """Raises OSError."""
        async with asyncio.timeout(ANSWER_S):
            streams = await asyncio.open_connection(target.host, target.port, local_addr=(target.source, 0))
        return cls(*streams, line, target)

    async def send(self, data: bytes, packets: int | None = None) -> None:
        """Raises OSError when the server has closed."""
        await self._line.take(len(data), packets)
        if self._writer.transport.is_closing():  # uvloop has no OSError for it
            raise ConnectionResetError("the connection is closed")
        self._writer.write(data)
        await self._writer.drain()

    async def request(
        self, method: str, path: str, body: bytes = b"", kind: str = "", headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        """One request and its answer; the connection stays. Raises OSError, EOFError, TimeoutError."""
        given = {**(headers or {}), **({"Content-Type": kind} if kind else {})}
        if body or method == "POST":
            given["Content-Length"] = str(len(body))
        await self.send(self.head(method, path, given) + body)
        return await self.answer()

    def head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        lines = [f"{method} {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in {**self._given, **headers}.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    async def answer(self) -> HttpAnswer:
        """Raises OSError, EOFError, TimeoutError."""
        async with asyncio.timeout(ANSWER_S):
            first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
            pairs = (line.partition(":") for line in lines if line)
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            body = await self._reader.readexactly(int(headers.get("content-length", 0)))
            return HttpAnswer(int(first.split()[1]), headers, body)

    async def upgrade(self, path: str) -> None:
        """Make it a WebSocket. Raises RefusedError, OSError, EOFError, TimeoutError."""
        headers = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "bGl2ZWhlYWQgYmVuY2ggIQ==",
        }
        await self.send(self.head("GET", path, headers))
        answer = await self.answer()
        if answer.status != 101:
            raise RefusedError(answer.status)

    async def message(self) -> dict[str, Any]:
        """The next text message, as JSON. Raises EOFError when the socket is closed."""
        while True:
            async with asyncio.timeout(ANSWER_S):
                first, size = await self._reader.readexactly(2)
                if size == 126:
                    (size,) = struct.unpack("!H", await self._reader.readexactly(2))
                elif size == 127:
                    (size,) = struct.unpack("!Q", await self._reader.readexactly(8))
                payload = await self._reader.readexactly(size)
            if first & 15 == CLOSE:
                raise EOFError(closing(bytes((first, size)) + payload))
            if first & 15 == TEXT:
                found: dict[str, Any] = json.loads(payload)
                return found

    async def end(self) -> str:
        """Read and drop everything until the server closes; how it did."""
        first = tail = b""
        try:
            while data := await self._reader.read(65536):
                first = first or data[:KEPT]
                tail = (tail + data)[-KEPT:]
                if (how := closing(tail)) != CUT:
                    return how
        except OSError:
            return CUT
        return answered(first)

    async def ended(self, reading: asyncio.Task[str]) -> str:
        """What ``reading``, which awaits :meth:`end`, found after sending has failed: it may come a moment later."""
        await asyncio.wait([reading], timeout=1.0)
        return reading.result() if reading.done() else CUT

    def abort(self) -> None:
        self._writer.transport.abort()


def frame(payload: bytes, opcode: int = TEXT, *, fin: bool = True, announced: int | None = None) -> bytes:
    """A client's WebSocket frame, masked with zeros. ``announced`` is the length that its header says."""
    size = len(payload) if announced is None else announced
    first = opcode | (128 if fin else 0)
    if size < 126:
        head = struct.pack("!BB", first, 128 | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, 128 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 128 | 127, size)
    return head + bytes(4) + payload


def closing(tail: bytes) -> str:
    """How a socket was closed, by the last bytes that came: ``closed 1008`` where they are a closing frame."""
    for at in range(max(0, len(tail) - KEPT), len(tail) - 3):
        if tail[at] == 128 | CLOSE and tail[at + 1] == len(tail) - at - 2:
            return f"closed {struct.unpack_from('!H', tail, at + 2)[0]}"
    return CUT


def answered(first: bytes) -> str:
    """How a connection ended that is no WebSocket: ``HTTP 408`` where the server said so before it closed."""
    return f"HTTP {first[9:12].decode('latin-1')}" if first.startswith(b"HTTP/1.1 ") else CUT
