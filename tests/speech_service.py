"""A text-to-speech service for tests, behind OpenAI's interface, that does as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class SpeechService:
    """What it answers next. ``pieces`` are bytes to send, seconds to wait, or None, at which it breaks off."""

    url: str = ""
    status: str = "200 OK"
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Iterable[bytes | float | None] = (b"\0\0" * 2400,)
    asked: list[dict[str, Any]] = field(default_factory=list)
    """The bodies of the requests."""
    credentials: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    ended: int = 0
    """Requests that were answered to the end."""
    hung_up: int = 0
    """Requests whose client went away before."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            given = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            body = await reader.readexactly(int(given["content-length"]))
            self.paths.append(lines[0].split()[1])
            self.asked.append(json.loads(body))
            self.credentials.append(given.get("authorization"))
            extra = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
            writer.write(f"HTTP/1.1 {self.status}\r\n{extra}Transfer-Encoding: chunked\r\n\r\n".encode())
            gone = asyncio.create_task(reader.read(1))
            try:
                if await self._answer(writer, gone):
                    self.ended += 1
            finally:
                gone.cancel()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.hung_up += 1
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, gone: asyncio.Task[bytes]) -> bool:
        for piece in self.pieces:
            if piece is None:
                return False
            if isinstance(piece, bytes):
                writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                await writer.drain()
            else:
                await asyncio.wait([gone], timeout=piece)
            if gone.done():
                raise ConnectionResetError
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


@contextlib.asynccontextmanager
async def speech_service() -> AsyncIterator[SpeechService]:
    """On a free port of this machine."""
    service = SpeechService()
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(service.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    service.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield service
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
