"""The client's end of the signal socket, for tests."""

from __future__ import annotations

import json
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect

from caller import Caller
from waiting import patient


class Line:
    def __init__(self, url: str, **options: Any) -> None:
        self._connect = connect(url.replace("http", "ws") + "/v1/signal", **options)
        self.socket: ClientConnection

    async def __aenter__(self) -> Self:
        self.socket = await self._connect
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def next(self, kind: str, within: float = 10.0) -> dict[str, Any]:
        """The next message of a kind; others are passed over."""
        async with patient(within):
            while True:
                message: dict[str, Any] = json.loads(await self.socket.recv())
                if message["type"] == kind:
                    return message

    async def state(self, wanted: str, within: float = 10.0) -> dict[str, Any]:
        """Wait for a state; others are passed over."""
        async with patient(within):
            while (message := await self.next("state"))["state"] != wanted:
                pass
        return message

    async def call(self, caller: Caller, **options: Any) -> str:
        """Offer and accept; returns the session's id."""
        await self.send(type="offer", sdp=await caller.offer(), **options)
        answer = await self.next("answer")
        await caller.accept(answer["sdp"])
        return str(answer["session"])
