"""Attacks by WebSocket messages."""

from __future__ import annotations

import asyncio
import json
from itertools import chain, repeat
from typing import ClassVar

from livehead.bench.attack.attack import Attack
from livehead.bench.attack.own_call import OwnCall, own_call
from livehead.bench.attack.wire import BINARY, TEXT, frame

ROUND = 500
"""Messages that are written to the socket together."""

SIGNAL = "/v1/signal"


class Messages(Attack):
    name: ClassVar[str] = "messages"
    does: ClassVar[str] = "a flood of small messages on four signalling sockets without a session"

    TASKS = 4

    async def run(self) -> None:
        texts = (b"{}", b'{"type":"latency","preset":"low"}', b'{"type":"candidate","candidate":null}')
        self._data = b"".join(map(frame, texts)) * (ROUND // len(texts))
        await self._many(self.TASKS, self._one)

    async def _one(self) -> None:
        await self._flood(await self._socket(SIGNAL), repeat(self._data))


class SessionMessages(Attack):
    name: ClassVar[str] = "session-messages"
    does: ClassVar[str] = "a call of its own that floods its signalling socket: interrupts, portraits, presets"

    async def run(self) -> None:
        texts = (
            b'{"type":"interrupt"}',
            b'{"type":"avatar","id":"default"}',
            b'{"type":"latency","preset":"balanced"}',
            b'{"type":"latency","preset":"low"}',
        )
        self._data = b"".join(map(frame, texts)) * (ROUND // len(texts))
        await self._many(1, self._one)

    async def _one(self) -> None:
        wire, call = await self._socket(SIGNAL), OwnCall()
        try:
            await wire.send(frame(json.dumps({"type": "offer", "sdp": await call.offer()}).encode()))
            while (message := await wire.message())["type"] != "answer":
                if message["type"] == "error":
                    self.outcome[f"HTTP {message['error'].get('status')}"] += 1
                    return
            await call.accept(message["sdp"], message["session"])
            self.outcome["calls"] += 1
            await self._flood(wire, repeat(self._data))
        finally:
            wire.abort()
            await call.close()


class Speech(Attack):
    name: ClassVar[str] = "speech"
    does: ClassVar[str] = "a call of its own that is pushed speech in messages of one sample, and ends of nothing"

    async def run(self) -> None:
        sample = frame(b"\x00\x10", BINARY)
        self._data = sample * ROUND + frame(b'{"type":"end"}')
        await self._many(1, self._one)

    async def _one(self) -> None:
        async with own_call(self._target, self._line, source="push") as call:
            self.outcome["calls"] += 1
            while not call.closed.is_set():
                wire = await self._socket(f"/v1/sessions/{call.session}/speech?rate=48000")
                await self._flood(wire, repeat(self._data))
                await asyncio.sleep(0.1)


class Fragments(Attack):
    name: ClassVar[str] = "fragments"
    does: ClassVar[str] = "messages of 6 MiB that never end, on 60 signalling sockets"

    SOCKETS = 60
    MESSAGE = 6 * 1024 * 1024
    PIECE = 64 * 1024

    async def run(self) -> None:
        await self._many(self.SOCKETS, self._one, 0.5)

    async def _one(self) -> None:
        wire = await self._socket(SIGNAL)
        piece = b" " * self.PIECE
        first = frame(piece, TEXT, fin=False, announced=self.MESSAGE - 1)
        await self._flood(wire, chain((first,), repeat(piece, self.MESSAGE // self.PIECE - 2)))
