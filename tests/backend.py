"""A backend for tests that pushes speech, and a caller without a microphone."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from caller import Caller


def tone(seconds: float, rate: int = 24_000, level: float = 0.4, hertz: float = 400.0) -> bytes:
    wave = level * 32767 * np.sin(np.arange(round(seconds * rate)) * 2 * np.pi * hertz / rate)
    return wave.astype("<i2").tobytes()


class Backend:
    """The speech socket. ``told`` fills with what the server says."""

    def __init__(self, url: str, session: str, rate: int | str = 24_000, **options: Any) -> None:
        self.told: list[dict[str, Any]] = []
        self._connect = connect(
            f"{url.replace('http', 'ws')}/v1/sessions/{session}/speech?rate={rate}", ping_interval=None, **options
        )
        self.socket: ClientConnection

    async def __aenter__(self) -> Self:
        self.socket = await self._connect
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.socket.transport.abort()  # a socket that is back-pressured does not close nicely
        self._reader.cancel()
        await asyncio.wait([self._reader])

    async def _read(self) -> None:
        async for text in self.socket:
            self.told.append(json.loads(text))

    async def push(self, data: bytes, piece: int = 4800) -> None:
        for start in range(0, len(data), piece):
            await self.socket.send(data[start : start + piece])

    async def end(self) -> None:
        await self.socket.send('{"type":"end"}')

    async def interrupt(self) -> None:
        await self.socket.send('{"type":"interrupt"}')

    def states(self) -> list[str]:
        return [each["state"] for each in self.told if each["type"] == "playback"]

    def k(self, state: str) -> int:
        return int(next(each["k"] for each in self.told if each.get("state") == state))


def listener(**options: Any) -> Caller:
    """A caller that only listens and looks."""
    caller = Caller(audio=False, **options)
    caller.peer.addTransceiver("audio", direction="recvonly")
    return caller
