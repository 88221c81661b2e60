"""A session's peer tries the candidates that the setting and the client's own address allow."""

from __future__ import annotations

from typing import Any

import pytest
from stubs import StubAvatars, StubHost, StubPeer, StubRecorders

from livehead.core.identity import Identity
from livehead.core.recent_delays import RecentDelays
from livehead.media.peer.addresses import AddressPolicy
from livehead.metrics import Metrics
from livehead.sessions.request import SessionRequest
from livehead.sessions.session import Session
from livehead.settings import load


@pytest.mark.parametrize(
    ("given", "client", "loopback", "private"),
    [
        ({}, "127.0.0.1", True, True),
        ({}, "192.168.1.20", False, True),
        ({}, "8.8.8.8", False, False),
        ({"peer_addresses": "private"}, "8.8.8.8", False, True),
        ({"peer_addresses": "public"}, "127.0.0.1", False, False),
    ],
)
async def test_the_policy_is_made_from_the_setting_and_the_address_of_the_request(
    given: dict[str, Any], client: str, loopback: bool, private: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies: list[AddressPolicy] = []

    def make(*args: Any, addresses: AddressPolicy, **options: Any) -> StubPeer:
        policies.append(addresses)
        return StubPeer()

    monkeypatch.setattr("livehead.sessions.viewers.viewer.Peer", make)
    request = SessionRequest(avatar="amara", latency="low")
    stubs: Any = (StubHost(), StubAvatars())
    one = Session(request, Identity(client), load(given), *stubs, Metrics(), RecentDelays(), StubRecorders())
    await one.open("offer")
    one.end("bye")
    await one.run()
    (policy,) = policies
    assert policy.allows("127.0.0.1", 50_000) == loopback
    assert policy.allows("10.0.0.1", 50_000) == private
    assert policy.allows("8.8.4.4", 50_000)
    assert not policy.allows("169.254.169.254", 50_000)
