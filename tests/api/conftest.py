"""One server with the fake engine and two slots for each module."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from livehead.engine.base import EngineSpec
from serving import Served, serving

FAKE = EngineSpec("fakes:create", {"size": 64})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with serving(
        FAKE,
        max_sessions=2,
        stun_urls=["stun:stun.example.org:3478"],
        turn_urls=["turn:turn.example.org:3478?transport=udp"],
        turn_secret="north",
        messages_per_second=100_000,
    ) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def client(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=served.url) as client:
        yield client
        for session in list(served.services.registry.sessions):
            session.end("test-over")
        await served.settled()


@pytest.fixture
def sdp() -> dict[str, str]:
    return {"Content-Type": "application/sdp"}
