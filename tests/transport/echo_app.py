"""A small ASGI application, for tests of what is below one."""

from __future__ import annotations

import asyncio
import json
from typing import Any

LARGE = 64 * 1024 * 1024
"""Bytes of the answer at /large."""


class EchoApp:
    """Answers at once, after the body, when told to, never, or with far more than a socket's buffer holds.
    WebSockets are told the size of what they send."""

    def __init__(self) -> None:
        self.hung_up = 0  # requests whose client was gone before the answer
        self.closed: list[int] = []  # codes with which WebSockets ended
        self.clients: list[str] = []
        self._let_go = asyncio.Event()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            self.clients.append(scope["client"][0])
            await self._talk(scope["path"], receive, send)
        else:
            self.clients.append(scope["client"][0])
            await self._answer(scope["path"], receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        for kind in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{kind}.complete"})

    async def _answer(self, path: str, receive: Any, send: Any) -> None:
        size = 0
        if path == "/read":
            while (message := await receive())["type"] == "http.request":
                size += len(message["body"])
                if not message["more_body"]:
                    break
            else:
                self.hung_up += 1
                return
        elif path == "/wait":
            while (await receive())["type"] != "http.disconnect":
                pass
            self.hung_up += 1
            return
        elif path == "/hold":
            await self._let_go.wait()
        elif path == "/let-go":
            self._let_go.set()
        body = bytes(LARGE) if path == "/large" else json.dumps({"read": size}).encode()
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-length", str(len(body)).encode())],
            }
        )
        await send({"type": "http.response.body", "body": body})

    async def _talk(self, path: str, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "websocket.connect"
        if path == "/hang":
            await asyncio.Event().wait()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            kind = "text" if message.get("text") is not None else "bytes"
            await send({"type": "websocket.send", "text": f"{kind} {len(message[kind])}"})
        self.closed.append(message["code"])
