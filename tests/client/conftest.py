from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from client.fake_sockets import FakeSockets, fake_sockets
from livehead.client import Livehead


@pytest.fixture
async def sockets() -> AsyncIterator[FakeSockets]:
    async with fake_sockets() as fake:
        yield fake


@pytest.fixture
async def server(sockets: FakeSockets) -> AsyncIterator[Livehead]:
    """A client of :func:`sockets`."""
    async with Livehead(sockets.url, key="lh_key", timeout=5.0, patience=2.0) as server:
        yield server
