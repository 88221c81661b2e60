"""The bytes of the attackers, read by the libraries that servers use."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.server import ServerConnection, serve

from livehead.bench.attack.line import LEAST, Line
from livehead.bench.attack.wire import BINARY, CUT, RefusedError, Target, Wire, answered, closing, frame


async def wire_to(port: int, key: str = "") -> Wire:
    return await Wire.open(Target("127.0.0.1", port, (), "127.0.0.2", key), Line(1000))


async def test_frames_of_every_length_arrive_and_the_closing_code_is_told() -> None:
    got: list[str | bytes] = []
    came_from: list[str] = []

    async def take(socket: ServerConnection) -> None:
        came_from.append(socket.remote_address[0])
        async for message in socket:
            got.append(message)
            if message == b"end":
                await socket.close(1008, "enough")

    sizes = (0, 125, 126, 65_535, 65_536)
    async with serve(take, "127.0.0.1", 0) as server:
        wire = await wire_to(server.sockets[0].getsockname()[1])
        await wire.upgrade("/v1/signal")
        for size in sizes:
            await wire.send(frame(b"a" * size))
        await wire.send(frame(b"e", BINARY, fin=False) + frame(b"nd", 0))
        assert await wire.end() == "closed 1008"
        wire.abort()
    assert [len(each) for each in got] == [*sizes, 3]
    assert came_from == ["127.0.0.2"]


async def test_a_refused_upgrade_says_its_status() -> None:
    async def nothing(_: ServerConnection) -> None:
        return

    async with serve(nothing, "127.0.0.1", 0, process_request=lambda socket, _: socket.respond(429, "")) as server:
        wire = await wire_to(server.sockets[0].getsockname()[1])
        with pytest.raises(RefusedError, match="HTTP 429"):
            await wire.upgrade("/v1/signal")
        wire.abort()


async def test_requests_carry_the_key_unless_they_bring_another() -> None:
    heads: list[str] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        wire = await wire_to(server.sockets[0].getsockname()[1], "lh_own")
        assert (await wire.request("GET", "/a")).body == b"{}"
        assert (await wire.request("GET", "/b", headers={"Authorization": "Bearer wrong"})).status == 404
        wire.abort()
    assert "Authorization: Bearer lh_own\r\n" in heads[0]
    assert heads[1].count("Authorization") == 1
    assert "Bearer wrong" in heads[1]


def test_how_a_connection_ended_is_read_from_its_last_or_first_bytes() -> None:
    assert closing(b"\x81\x02{}" + b"\x88\x02\x03\xf0") == "closed 1008"
    assert closing(b"\x88\x09\x03\xf1too big") == "closed 1009"
    assert closing(b"\x81\x02{}") == CUT
    assert answered(b"HTTP/1.1 408 Request Timeout\r\n") == "HTTP 408"
    assert answered(b"") == CUT


async def test_a_line_passes_no_more_than_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr("livehead.bench.attack.line.asyncio.sleep", sleep)
    monkeypatch.setattr("livehead.bench.attack.line.time.monotonic", lambda: now)
    small = Line(100)
    for _ in range(1000):
        await small.take(0, 100)
    assert pytest.approx(now, abs=0.01) == 100_000 * LEAST * 8e-8
    now, large = 0.0, Line(100)
    for _ in range(100):
        await large.take(125_000)
    assert 1.0 < now < 1.1  # 12.5 MB, with its headers
    assert large.sent == 12_500_000
