"""A real coturn, asked as doctor asks it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from coturn import SECRET, free_port, relaying
from livehead.core.turn_credentials import turn_credentials
from livehead.doctor.environment import Environment
from livehead.doctor.network.relays import check_relays
from livehead.doctor.network.udp import check_udp
from livehead.errors import UsageError
from livehead.media.relay_probe import RefusedError, UnreachableError, allocate, reflect
from livehead.settings import load


@pytest.fixture(scope="module")
def relay() -> Iterator[str]:
    """Its address, without the transport."""
    with relaying() as coturn:
        yield coturn.url.partition("?")[0]


def credentials(seconds: int, secret: str = SECRET) -> tuple[str, str]:
    return turn_credentials(secret, "test", int(time.time()) + seconds)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_an_allocation_and_a_packet_that_comes_back(relay: str, transport: str) -> None:
    url = f"{relay}?transport={transport}"
    found = await allocate(url, *credentials(600), seconds=30, back_to=(None, 0))
    assert found.arrived
    assert found.target[0] == found.mapped[0] == found.relayed[0] == "127.0.0.1"
    plain = await allocate(url, *credentials(600), seconds=30)
    assert plain.arrived is None


@pytest.mark.parametrize("given", [credentials(600, "another"), credentials(-60)])
async def test_a_wrong_secret_and_an_expired_credential_are_refused(relay: str, given: tuple[str, str]) -> None:
    with pytest.raises(RefusedError, match="401") as error:
        await allocate(relay, *given, seconds=30)
    assert error.value.code == 401


async def test_servers_that_are_not_there() -> None:
    away = free_port()
    with pytest.raises(UnreachableError, match="Connection refused"):
        await allocate(f"turn:127.0.0.1:{away}?transport=tcp", "a", "b", seconds=30)
    with pytest.raises(UnreachableError, match=r"did not answer within 0\.2 s"):
        await allocate(f"turn:127.0.0.1:{away}", "a", "b", seconds=0.2)
    with pytest.raises(UnreachableError, match=r"did not answer within 0\.2 s"):
        await reflect(f"stun:127.0.0.1:{away}", seconds=0.2)
    for url in ("stun:a.example", "http://a.example", "turn:"):
        with pytest.raises(UsageError, match="not an address like"):
            await allocate(url, "a", "b", seconds=1)


async def test_the_address_that_we_are_seen_at(relay: str) -> None:
    assert (await reflect(relay, seconds=30))[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("secret", "state", "words"),
    [(SECRET, "ok", "relays from 127.0.0.1"), ("another", "fail", "the secret is not the one that it has")],
)
async def test_doctor_says_how_it_is(relay: str, secret: str, state: str, words: str) -> None:
    settings = load({"turn_urls": (relay,), "turn_secret": secret, "host": "0.0.0.0"})
    (turn,) = await asyncio.to_thread(lambda: list(check_relays(settings, Environment())))
    assert turn.state == state
    assert words in turn.detail
    if state == "ok":
        (udp,) = await asyncio.to_thread(lambda: list(check_udp(settings, Environment())))
        assert "came in at 127.0.0.1:" in udp.detail
