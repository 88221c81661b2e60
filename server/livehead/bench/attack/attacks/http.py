"""Attacks by HTTP requests that never end, are too large, or are not allowed."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import chain, cycle, repeat
from typing import ClassVar

from livehead.bench.attack.attack import OPEN, Attack
from livehead.bench.attack.wire import BINARY, Wire, frame


class Slow(Attack):
    name: ClassVar[str] = "slow"
    does: ClassVar[str] = "512 idle TCP connections, 100 heads and 100 bodies that come a byte a second"

    IDLE, HEADS, BODIES = 512, 100, 100
    BYTE_S = 1.0
    RETRY_S = 1.0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._many(self.IDLE, self._idle, self.RETRY_S))
            group.create_task(self._many(self.HEADS, self._slow_head, self.RETRY_S))
            group.create_task(self._many(self.BODIES, self._slow_body, self.RETRY_S))

    async def _idle(self) -> None:
        async with self._held() as wire:
            self.outcome[f"idle: {await wire.end()}"] += 1

    async def _slow_head(self) -> None:
        await self._trickle("head", lambda wire: wire.head("GET", "/healthz", {})[:-2])

    async def _slow_body(self) -> None:
        headers = {"Content-Type": "application/sdp", "Content-Length": "20000"}
        await self._trickle("body", lambda wire: wire.head("POST", "/v1/sessions", headers) + b"v=0\r\n" * 2000)

    async def _trickle(self, kind: str, begin: Callable[[Wire], bytes]) -> None:
        async with self._held() as wire:
            await wire.send(begin(wire))
            ending = asyncio.create_task(wire.end(), name="ending")
            try:
                while not ending.done():
                    await asyncio.wait([ending], timeout=self.BYTE_S)
                    await wire.send(b"x")
                self.outcome[f"{kind}: {ending.result()}"] += 1
            except OSError:
                self.outcome[f"{kind}: {await wire.ended(ending)}"] += 1
            finally:
                ending.cancel()

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[Wire]:
        wire = await self._connect()
        try:
            yield wire
        except asyncio.CancelledError:
            self.outcome[OPEN] += 1
            raise
        finally:
            wire.abort()


class Heads(Attack):
    name: ClassVar[str] = "heads"
    does: ClassVar[str] = "requests with heads of 100 MiB, in many lines or in a single one"

    TASKS = 4
    HEAD = 100 * 1024 * 1024
    PIECE = 64 * 1024

    async def run(self) -> None:
        lines = b"".join(b"x-%d: %s\r\n" % (each, b"a" * 1000) for each in range(64))
        self._pieces = cycle((lines, b"a" * self.PIECE))
        await self._many(self.TASKS, self._head)

    async def _head(self) -> None:
        piece = next(self._pieces)
        wire = await self._connect()
        first = wire.head("GET", "/healthz", {})[:-2] + (b"x: " if piece[:1] == b"a" else b"")
        await self._flood(wire, chain((first,), repeat(piece, self.HEAD // self.PIECE)))


class Tokens(Attack):
    name: ClassVar[str] = "tokens"
    does: ClassVar[str] = "wrong credentials at every route, and requests for tokens, as fast as they are answered"

    TASKS = 16

    async def run(self) -> None:
        await self._many(self.TASKS, self._guess, 0.0)

    async def _guess(self) -> None:
        wire = await self._connect()
        try:
            while True:
                wrong = {"Authorization": f"Bearer lh_{secrets.token_urlsafe(32)}"}
                token = ".".join(secrets.token_urlsafe(n) for n in (24, 90, 32))
                grant = json.dumps({"roles": ["open", "view"]}).encode()
                for method, path, body, headers in (
                    ("POST", "/v1/tokens", grant, {}),
                    ("POST", "/v1/tokens", grant, wrong),
                    ("POST", "/v1/tokens", grant, {"Authorization": f"Bearer {token}"}),
                    ("GET", "/v1/ice-servers", b"", wrong),
                    ("DELETE", f"/v1/sessions/{secrets.token_hex(8)}", b"", wrong),
                ):
                    answer = await wire.request(method, path, body, "application/json" if body else "", headers)
                    self.outcome[f"HTTP {answer.status}"] += 1
                    if answer.headers.get("connection", "").lower() == "close":
                        return
        finally:
            wire.abort()


class Log(Attack):
    name: ClassVar[str] = "log"
    does: ClassVar[str] = "what writes log lines: broken requests, uploads that hang up, text that is not UTF-8"

    TASKS = 8

    async def run(self) -> None:
        self._kinds = cycle((self._broken_request, self._hung_up, self._broken_text, self._strange_names))
        await self._many(self.TASKS, self._one, 0.0)

    async def _one(self) -> None:
        await next(self._kinds)()

    async def _broken_request(self) -> None:
        wire = await self._connect()
        try:
            await wire.send(b"GET /\x00\r\nHost: a b\r\n\x01\r\n\r\n")
            self.outcome[f"HTTP {(await wire.answer()).status}"] += 1
        finally:
            wire.abort()

    async def _hung_up(self) -> None:
        wire = await self._connect()
        headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": "1000000"}
        try:
            await wire.send(wire.head("POST", "/v1/avatars", headers) + b"--x\r\n" * 100)
            self.outcome["hung up"] += 1
        finally:
            wire.abort()

    async def _broken_text(self) -> None:
        wire = await self._socket("/v1/signal")
        try:
            await wire.send(frame(b"\xff\xfe{}") + frame(b"x", BINARY))
            self.outcome[await wire.end()] += 1
        finally:
            wire.abort()

    async def _strange_names(self) -> None:
        wire = await self._connect()
        try:
            headers = {"Origin": "http://a.example/%0d%0aE error", "X-Forwarded-For": "\x85 2026-01-01 E forged"}
            for method, path in (("GET", "/v1/sessions/a%0d%0aE%20forged"), ("TRACE", "/v1/avatars/%1b%5b31m")):
                self.outcome[f"HTTP {(await wire.request(method, path, headers=headers)).status}"] += 1
        finally:
            wire.abort()
