"""Calls of the client through a TURN relay alone, and what it says where none gets through."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from aiortc import RTCConfiguration, RTCIceServer, RTCIceTransportPolicy

from api.conftest import FAKE
from backend import tone
from client.test_call import loud, watched
from coturn import Relay, free_port, relaying
from livehead.client import ConnectionLost, Livehead
from livehead.client.call import leg, peer
from livehead.client.call.relays import why_blocked
from livehead.core import test_pattern as probe
from serving import serving
from waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

TURN = "turn:head.example:3478"
Served = Callable[[dict[str, Any]], Any]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def relay() -> AsyncIterator[Relay]:
    with relaying() as started:
        yield started


@pytest.fixture
def relay_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a network that lets nothing else pass."""
    policy = functools.partial(RTCConfiguration, iceTransportPolicy=RTCIceTransportPolicy.RELAY)
    monkeypatch.setattr(peer, "RTCConfiguration", policy)


@pytest.mark.parametrize("policy", ["auto", "public"])
async def test_a_call_talks_and_sees_through_the_relay_alone(relay: Relay, relay_only: None, policy: str) -> None:
    """The relay's address is the loopback's. Where the server sends no checks to such, the client's checks show it."""
    before = relay.allocations
    async with (
        serving(FAKE, peer_addresses=policy, **relay.settings) as served,
        Livehead(served.url) as server,
        server.call(source="mic", probe=True) as call,
        watched(call) as pairs,
    ):
        await call.talk(tone(1.0, rate=16_000), rate=16_000)
        await until(lambda: sum(loud(sound) for _, sound in pairs) >= 10)
        codes = [probe.read(picture[:, :, 1]) for picture, _ in pairs]
        assert sum(code is not None and code.loudness >= 8 for code in codes) >= 10
    assert relay.allocations > before


async def test_a_relay_that_gives_no_address_is_told(
    relay: Relay, relay_only: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leg, "CONNECT_S", 0.5)
    async with (
        serving(FAKE, **relay.settings | {"turn_secret": "another secret"}) as served,
        Livehead(served.url) as server,
    ):
        with pytest.raises(ConnectionLost, match=r"No connection within 0.5 s.*no address.*LIVEHEAD_TURN_SECRET"):
            await server.call().open()
        await served.settled()


@pytest.mark.soak
async def test_a_relay_that_does_not_answer_is_told_within_the_time(
    relay_only: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"turn_urls": [f"turn:127.0.0.1:{free_port()}"], "turn_secret": "north"}
    async with serving(FAKE, **settings) as served, Livehead(served.url) as server:
        with pytest.raises(ConnectionLost, match="does not answer"):
            await server.call().open()
        await served.settled()


@pytest.mark.parametrize(
    ("servers", "offer", "words"),
    [
        ([], "", "names no TURN relay"),
        ([RTCIceServer("stun:head.example")], "", "names no TURN relay"),
        ([RTCIceServer([TURN], "2000:abc", "x")], "a=candidate:1 1 udp 1 10.0.0.1 5000 typ relay", "may it reach"),
        ([RTCIceServer([TURN], "999:abc", "x")], "", "clock"),
        ([RTCIceServer([TURN], "2000:abc", "x")], "a=candidate:1 1 udp 1 10.0.0.1 5000 typ host", "rejects"),
        ([RTCIceServer(TURN, "somebody", "x")], "", "rejects"),
    ],
)
async def test_why_nothing_came(servers: list[RTCIceServer], offer: str, words: str) -> None:
    said = why_blocked(servers, offer, now=1000.0)
    assert said.startswith("Is UDP to the server let through?")
    assert words in said
