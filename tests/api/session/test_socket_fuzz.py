"""Random messages, good and bad, on both sockets: nothing fails, and the others are served on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from backend import Backend, listener, tone
from caller import Caller
from line import Line
from serving import Served

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("client")]

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 10**30, 2**63, "", "default", "nobody", "low", "balanced", "throughput", "warp"),
    *("v=0", "\ud800", "\x00", "ä" * 300, "x" * 5000, [], {}, [[]], {"candidate": ""}, {"candidate": "candidate:1 1"}),
)
KINDS = ("offer", "candidate", "avatar", "latency", "interrupt", "end", "dance", "", None, 7, ["bye"])
FIELDS = (
    "sdp",
    "avatar",
    "latency",
    "voice",
    "source",
    "probe",
    "seed",
    "token",
    "id",
    "preset",
    "candidate",
    "\ud800",
)
FLOODS = (
    {"type": "interrupt"},
    {"type": "avatar", "id": "default"},
    {"type": "avatar", "id": "nobody"},
    {"type": "latency", "preset": "balanced"},
    {"type": "latency", "preset": "low"},
    {"type": "candidate", "candidate": {"candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host", "sdpMid": "0"}},
)


def messages(chance: random.Random, count: int) -> Iterator[str | bytes]:
    """Never a whole ``bye``: that would end it."""
    for _ in range(count):
        body = {name: chance.choice(VALUES) for name in chance.sample(FIELDS, chance.randrange(4))}
        text = json.dumps({"type": chance.choice(KINDS), **body})
        match chance.randrange(8):
            case 0:
                yield text[: chance.randrange(len(text))]
            case 1:
                yield chance.randbytes(chance.randrange(2000))
            case 2:
                at = chance.randrange(len(text))
                yield text[:at] + chance.choice('{}[]",:\\0\x00é') + text[at + 1 :]
            case 3:
                yield "[" * chance.randrange(60_000)
            case 4:
                yield from [json.dumps(chance.choice(FLOODS))] * 100
            case _:
                yield text


async def send_all(socket: ClientConnection, chance: random.Random, count: int) -> None:
    for message in messages(chance, count):
        await socket.send(message)


async def drain(socket: ClientConnection, received: list[dict[str, Any]]) -> None:
    async for text in socket:
        received.append(json.loads(text))


def faults(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.exc_info or each.levelno >= logging.ERROR]


UPGRADE = (
    "GET /v1/signal HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def test_bytes_that_are_no_frames_end_their_socket(
    served: Served, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(5)
    address = httpx.URL(served.url)
    for _ in range(20):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(UPGRADE.encode())
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            writer.write(b"\x81\x82\x00\x00\x00\x00{}" * chance.randrange(2000) + chance.randbytes(20_000))
            await writer.drain()
            await reader.read()
        writer.close()
    assert (await client.get("/healthz")).status_code == 200
    assert not faults(caplog)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_a_client_sends_the_others_are_served(
    served: Served, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    chance = random.Random(seed)
    async with Caller() as bystander, listener() as caller, Line(served.url) as quiet, Line(served.url) as line:
        other = served.session(await quiet.call(bystander))
        session = served.session(await line.call(caller, source="push"))
        await quiet.state("live")
        await line.state("live")
        told: list[dict[str, Any]] = []
        reading = asyncio.create_task(drain(line.socket, told))
        async with Backend(served.url, session.id) as backend:
            await backend.push(tone(30))
            await asyncio.gather(send_all(line.socket, chance, 60), send_all(backend.socket, chance, 60))
            shown = len(bystander.frames)
            await bystander.seen(lambda frames: len(frames) > shown + 25, within=30)
            async with asyncio.timeout(30):
                while not any(each.get("bound_ms") == 600 for each in told):
                    await line.send(type="latency", preset="throughput")  # refused while there were too many
                    await asyncio.sleep(0.6)
            assert {each["error"]["status"] for each in told + backend.told if each["type"] == "error"} <= set(
                range(400, 500)
            )
        assert other.describe()["state"] == session.describe()["state"] == "live"
        assert (await client.get("/healthz")).status_code == 200
        await line.send(type="bye")
        await reading
        await quiet.send(type="bye")
        await quiet.state("closed")
    await served.idle()
    assert not faults(caplog)


async def test_whatever_comes_before_an_offer(
    served: Served, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(4)
    for _ in range(20):
        async with connect(served.url.replace("http", "ws") + "/v1/signal") as socket:
            told: list[dict[str, Any]] = []
            reading = asyncio.create_task(drain(socket, told))
            with contextlib.suppress(ConnectionClosed):  # cut off, where this end reads the answers too slowly
                await send_all(socket, chance, 10)
                await socket.send('{"type":"bye"}')
            await reading
            assert all(400 <= each["error"]["status"] < 500 for each in told)
    assert (await client.get("/healthz")).status_code == 200
    assert served.services.registry.active == 0
    assert not faults(caplog)
