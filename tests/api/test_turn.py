"""The credentials of /v1/ice-servers, at a real TURN server."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aioice.stun import Class, Message, Method, TransactionFailed
from aioice.turn import create_turn_endpoint

from coturn import HOST, SECRET, Relay, relaying
from livehead.api.ice import ice_servers
from livehead.settings import MediaSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")

MINUTE = 60


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def relay() -> AsyncIterator[Relay]:
    with relaying(None, "--user-quota", "1") as started:
        yield started


@contextlib.asynccontextmanager
async def allocated(relay: Relay, user: str, *, secret: str = SECRET, left: float = MINUTE) -> AsyncIterator[Any]:
    """An address of the relay's, with credentials that live for ``left`` seconds from now: aioice's client of it."""
    settings = MediaSettings(turn_urls=(relay.url,), turn_secret=secret, turn_ttl=MINUTE)
    (server,) = ice_servers(settings, user, time.time() + left - MINUTE)
    transport, _ = await create_turn_endpoint(
        asyncio.DatagramProtocol, (HOST, relay.port), server["username"], server["credential"]
    )
    private: Any = transport
    try:
        yield private._TurnTransport__inner_protocol
    finally:
        await private._TurnTransport__inner_protocol.delete()


async def refused(relay: Relay, user: str, **given: Any) -> int:
    with pytest.raises(TransactionFailed) as error:
        async with allocated(relay, user, **given):
            pass
    return int(error.value.response.attributes["ERROR-CODE"][0])


async def test_it_gives_an_address_for_them_and_for_no_others(relay: Relay) -> None:
    async with allocated(relay, "one") as client:
        assert client.relayed_address[0] == HOST
    assert await refused(relay, "two", secret="another secret") == 401
    assert await refused(relay, "three", left=-1) == 401


async def test_one_user_gets_no_more_than_the_quota(relay: Relay) -> None:
    async with allocated(relay, "four"), allocated(relay, "five"):
        assert await refused(relay, "four") == 486


async def test_an_address_outlives_its_credentials(relay: Relay) -> None:
    """A call is longer than they live: it refreshes its address with expired ones."""
    left = 4
    async with allocated(relay, "six", left=left) as client:
        await asyncio.sleep(left + 0.5)
        refresh = Message(message_method=Method.REFRESH, message_class=Class.REQUEST)
        refresh.attributes["LIFETIME"] = 600
        answer, _ = await client.request_with_retry(refresh)
        assert answer.attributes["LIFETIME"] == 600
    assert await refused(relay, "six", left=-1) == 401
