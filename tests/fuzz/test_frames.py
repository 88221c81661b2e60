"""Random frames and fragments on both sockets of a running server: it ends the socket or answers, and goes on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from pathlib import Path

import httpx
import pytest

from api.conftest import FAKE
from api.doors import SECRET, Credentials
from backend import listener
from fuzz.mutators import change_bytes
from fuzz.targets.connection_bytes import FRAMES, UPGRADE, frame
from fuzz.targets.messages import TYPES
from serving import Served, serving

SOCKETS = 25


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    return Credentials(tmp_path / "keys")


def frames(chance: random.Random) -> bytes:
    """Whole messages, fragments in and out of order, control frames in between, and some that are broken."""
    parts: list[bytes] = []
    for _ in range(chance.randint(1, 30)):
        match chance.randrange(6):
            case 0:
                parts.append(chance.choice(FRAMES))
            case 1:
                parts.append(frame(2, chance.randbytes(chance.randrange(3000))))
            case 2:
                parts.append(frame(1, b'{"type":"%s"}' % chance.choice(TYPES).encode()))
            case 3:
                text = b'{"type":"interrupt","x":"' + b"y" * chance.randrange(5000) + b'"}'
                cut = chance.randrange(len(text))
                parts += [frame(1, text[:cut], final=False), frame(9, b""), frame(0, text[cut:])]
            case 4:
                parts += [frame(1, b"", final=False)] + [frame(0, b"", final=False)] * chance.randrange(200)
            case _:
                parts.append(change_bytes(frame(1, b'{"type":"end"}'), chance))
    return b"".join(parts)


async def send(server: Served, path: str, chance: random.Random) -> None:
    """One socket, cut off at the end or read to it."""
    address = httpx.URL(server.url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(UPGRADE.replace(b"/v1/signal", path.encode()).replace(b"Host: x", b"Host: 127.0.0.1"))
        answer = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in answer.split(b"\r\n")[0], answer
        with contextlib.suppress(ConnectionError, TimeoutError):
            data = frames(chance)
            while data:
                size = chance.choice((1, 7, 100, 5000, 100_000))
                writer.write(data[:size])
                data = data[size:]
                await asyncio.sleep(0)
            await writer.drain()
            if chance.random() < 0.5:
                async with asyncio.timeout(0.2):
                    await reader.read()
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("seed", [1, 2])
async def test_random_frames(credentials: Credentials, caplog: pytest.LogCaptureFixture, seed: int) -> None:
    chance = random.Random(seed)
    async with (
        serving(FAKE, keys=credentials.path, token_secret=SECRET, max_sessions=2) as server,
        httpx.AsyncClient(base_url=server.url) as client,
        listener() as caller,
    ):
        headers = {"Authorization": f"Bearer {credentials.opener}", "Content-Type": "application/sdp"}
        offer = await caller.offer()
        answer = await client.post("/v1/sessions?source=push", content=offer, headers=headers)
        assert answer.status_code == 201, answer.text
        await caller.accept(answer.text)
        session = answer.headers["location"].rpartition("/")[2]
        for number in range(SOCKETS):
            path = f"/v1/sessions/{session}/speech?rate=16000&" if number % 2 else "/v1/signal?"
            await send(server, f"{path}token={credentials.opener}", chance)
            if number % 2:
                await asyncio.sleep(0.02)  # until the socket before lets the next one speak
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get(f"/v1/sessions/{session}", headers=headers)).json()["state"] in ("live", "connecting")
        assert (await client.delete(f"/v1/sessions/{session}", headers=headers)).status_code == 200
        await server.settled()
    assert not [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR or each.exc_info]
