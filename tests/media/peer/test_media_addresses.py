"""Which UDP ports a call is bound to, and which addresses its clients are told."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from livehead.errors import UnavailableError, UsageError
from livehead.media.peer import media_addresses
from livehead.media.peer.media_addresses import MediaAddresses
from udp_ports import free_ports

ADDRESSES = ["127.0.0.1", "127.0.0.2", "::1"]


@pytest.fixture
def ports() -> range:
    return free_ports(3)


@contextlib.contextmanager
def bound(addresses: MediaAddresses, at: list[str]) -> Iterator[list[tuple[str, int]]]:
    sockets = addresses.bind(at)
    try:
        yield [each.getsockname()[:2] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def test_a_call_has_one_port_at_every_address_and_none_of_another_call(ports: range) -> None:
    addresses = MediaAddresses(ports)
    with contextlib.ExitStack() as stack:
        calls = [stack.enter_context(bound(addresses, ADDRESSES)) for _ in ports]
        assert [[host for host, _ in call] for call in calls] == [ADDRESSES] * 3
        assert all(len({port for _, port in call}) == 1 for call in calls)
        assert sorted(call[0][1] for call in calls) == list(ports)
        assert addresses.taken() == addresses.room == 3
        with pytest.raises(UnavailableError, match=rf"--udp-ports {ports[0]}-{ports[-1]} are in use") as refused:
            addresses.bind(ADDRESSES)
        assert (refused.value.problem, refused.value.retry_after) == ("full", 5.0)
    with bound(addresses, ADDRESSES) as again:
        assert again[0][1] in ports


def test_a_port_that_somebody_has_at_one_address_is_left_to_them(ports: range) -> None:
    with contextlib.ExitStack() as stack:
        for port in ports[:2]:
            other = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            other.bind((ADDRESSES[1], port))
        addresses = MediaAddresses(ports)
        assert addresses.taken() == 2
        for _ in range(20):
            with bound(addresses, ADDRESSES) as call:
                assert {port for _, port in call} == {ports[2]}


def test_without_a_range_the_system_chooses_one_port_for_all() -> None:
    with bound(MediaAddresses(), ADDRESSES) as call:
        assert len(call) == 3
        assert len({port for _, port in call}) == 1
    assert MediaAddresses().room is None


def test_an_address_that_is_gone_is_left_out(ports: range) -> None:
    with bound(MediaAddresses(ports), ["198.51.100.9", "127.0.0.1"]) as call:
        assert [host for host, _ in call] == ["127.0.0.1"]
    with bound(MediaAddresses(ports), ["198.51.100.9"]) as call:
        assert call == []


def test_a_public_address_stands_for_the_first_of_its_version() -> None:
    addresses = MediaAddresses(public=("198.51.100.7", "2001:db8::7", "10.0.0.6"))
    assert addresses.stand_ins(["10.0.0.5", "10.0.0.6", "fd00::5"]) == [
        ("198.51.100.7", "10.0.0.5"),
        ("2001:db8::7", "fd00::5"),
    ]
    assert addresses.stand_ins(["fd00::5"]) == [("2001:db8::7", "fd00::5")]


def test_names_are_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(name: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        if name != "head.example.com":
            raise socket.gaierror(-2, "Name or service not known")
        return [(2, 2, 17, "", (each, 0)) for each in ("198.51.100.7", "2001:db8::7", "198.51.100.7")]

    monkeypatch.setattr(media_addresses.socket, "getaddrinfo", look_up)
    assert MediaAddresses.of(None, "head.example.com,198.51.100.8").public == (
        "198.51.100.7",
        "2001:db8::7",
        "198.51.100.8",
    )
    assert MediaAddresses.of(None, None) == MediaAddresses()
    with pytest.raises(UsageError, match=r"--public-address nowhere.example: no address .* Check it"):
        MediaAddresses.of(None, "nowhere.example")
