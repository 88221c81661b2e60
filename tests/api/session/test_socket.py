"""The part that both WebSockets share, over a socket of this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
from fastapi import WebSocket
from starlette.websockets import WebSocketState

from livehead.api.session.socket import MessageSocket
from livehead.core.messages.from_server import Playback
from livehead.errors import UnprocessableError
from livehead.metrics import Metrics

GONE = {"type": "websocket.disconnect", "code": 1001}


class FakeSocket:
    """Has all messages at once, as uvicorn has when many came in one packet: receiving one never yields."""

    application_state = WebSocketState.CONNECTED
    client = SimpleNamespace(host="198.51.100.7")
    scope: ClassVar[dict[str, Any]] = {"path": "/v1/test"}

    def __init__(self, *received: dict[str, Any], reads: bool = True) -> None:
        self.sent: list[dict[str, Any]] = []
        self.code: int | None = None
        self.refused: list[dict[str, Any]] = []
        access = SimpleNamespace(refused=lambda error, **said: self.refused.append({"error": error, **said}))
        self.app = SimpleNamespace(state=SimpleNamespace(services=SimpleNamespace(access=access, metrics=Metrics())))
        self.state = SimpleNamespace()
        self._received = list(received)
        self._reads = reads

    async def receive(self) -> dict[str, Any]:
        if not self._received:
            await asyncio.Event().wait()
        return self._received.pop(0)

    async def send_text(self, text: str) -> None:
        if not self._reads:
            await asyncio.Event().wait()
        self.sent.append(json.loads(text))

    async def close(self, code: int) -> None:
        self.code = code


def over(socket: FakeSocket, capacity: int = 8, rate: float = 1000.0) -> MessageSocket:
    return MessageSocket(cast(WebSocket, socket), "test", capacity=capacity, rate=rate)


async def ignore(_: str | bytes) -> None:
    pass


async def test_others_run_between_the_messages_of_a_flood() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    other = asyncio.create_task(count())
    await over(FakeSocket(*[{"type": "websocket.receive", "text": "x"}] * 1000, GONE)).run(ignore)
    other.cancel()
    assert turns >= 200


async def test_text_and_binary_messages_are_handed_over_in_order() -> None:
    received: list[str | bytes] = []

    async def handle(message: str | bytes) -> None:
        received.append(message)

    text = {"type": "websocket.receive", "text": "", "bytes": None}
    await over(FakeSocket(text, {"type": "websocket.receive", "bytes": b"\x00"}, GONE)).run(handle)
    assert received == ["", b"\x00"]


async def test_who_says_too_much_is_told_once_and_closed() -> None:
    socket = FakeSocket(*[{"type": "websocket.receive", "text": "x"}] * 100)
    handled = 0

    async def handle(_: str | bytes) -> None:
        nonlocal handled
        handled += 1

    await over(socket, rate=5.0).run(handle)
    assert handled == 20
    [told] = socket.sent
    assert told["error"]["status"] == 429
    assert socket.code == 1008
    assert [each["what"] for each in socket.refused] == ["WebSocket /v1/test"]


async def test_binary_messages_beyond_their_rate_wait_and_are_all_read(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        waited.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr("livehead.api.session.socket.BINARY_BURST", 10.0)
    monkeypatch.setattr("livehead.api.session.socket.asyncio.sleep", sleep)
    received: list[str | bytes] = []

    async def handle(message: str | bytes) -> None:
        received.append(message)

    sent = [bytes([i]) for i in range(60)]
    socket = FakeSocket(*[{"type": "websocket.receive", "bytes": each} for each in sent], GONE)
    await over(socket).run(handle)
    assert received == sent
    assert sum(seconds > 0 for seconds in waited) >= 20
    assert socket.sent == []


async def test_what_is_queued_is_sent_before_the_end() -> None:
    socket = FakeSocket()
    messages = over(socket)
    messages.send(Playback("started", 1))
    messages.send(Playback("finished", 9))
    messages.end(1001)
    await messages.run(ignore)
    assert [each["k"] for each in socket.sent] == [1, 9]
    assert socket.code == 1001


@pytest.mark.parametrize(
    ("raised", "status", "logged"),
    [(UnprocessableError("not now"), 422, False), (KeyError("a fault"), 500, True)],
)
async def test_a_message_that_fails_is_told_and_the_next_is_read(
    caplog: pytest.LogCaptureFixture, raised: Exception, status: int, logged: bool
) -> None:
    socket = FakeSocket(*[{"type": "websocket.receive", "text": "x"}] * 2)
    messages = over(socket)
    handled = 0

    async def handle(_: str | bytes) -> None:
        nonlocal handled
        handled += 1
        if handled == 1:
            raise raised
        messages.end()

    await messages.run(handle)
    assert handled == 2
    assert [each["error"]["status"] for each in socket.sent] == [status]
    assert bool(caplog.records) is logged


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    socket = FakeSocket(reads=False)
    messages = over(socket, capacity=8)
    running = asyncio.create_task(messages.run(ignore))
    await asyncio.sleep(0)
    for k in range(1 + 8):
        messages.send(Playback("started", k))
        await asyncio.sleep(0)
        assert messages.crowded is (k > 4)
    assert not running.done()
    messages.send(Playback("started", 9))
    await running
    assert socket.sent == []


async def test_a_socket_that_says_nothing_ends() -> None:
    socket = FakeSocket()
    messages = over(socket)
    messages.idle_s = 0.01
    await messages.run(ignore)
    assert socket.code == 1000
