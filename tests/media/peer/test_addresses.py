"""Which addresses checks are sent to: classes, and the policy that a client's own address makes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livehead.media.peer.addresses import LOWEST_PORT, AddressClass, AddressPolicy, PeerAddresses, classify

PUBLIC, PRIVATE, LOOPBACK, NEVER = AddressClass.PUBLIC, AddressClass.PRIVATE, AddressClass.LOOPBACK, AddressClass.NEVER

V4 = {
    "8.8.8.8": PUBLIC,
    "1.1.1.1": PUBLIC,
    "100.63.255.255": PUBLIC,
    "100.128.0.0": PUBLIC,
    "172.15.255.255": PUBLIC,
    "172.32.0.0": PUBLIC,
    "223.255.255.255": PUBLIC,
    "10.0.0.1": PRIVATE,
    "172.16.0.0": PRIVATE,
    "172.31.255.255": PRIVATE,
    "192.168.255.255": PRIVATE,
    "100.64.0.1": PRIVATE,
    "127.0.0.1": LOOPBACK,
    "127.255.255.254": LOOPBACK,
    "0.0.0.0": NEVER,
    "0.1.2.3": NEVER,
    "100.100.100.200": NEVER,
    "168.63.129.16": NEVER,
    "169.254.0.1": NEVER,
    "169.254.169.254": NEVER,
    "192.0.0.192": NEVER,
    "192.0.2.1": NEVER,
    "198.18.0.1": NEVER,
    "198.51.100.7": NEVER,
    "203.0.113.9": NEVER,
    "224.0.0.251": NEVER,
    "239.255.255.250": NEVER,
    "240.0.0.1": NEVER,
    "255.255.255.255": NEVER,
}
V6 = {
    "2606:4700:4700::1111": PUBLIC,
    "2a00:1450:4001::8": PUBLIC,
    "fc00::1": PRIVATE,
    "fd12:3456::1": PRIVATE,
    "::1": LOOPBACK,
    "::": NEVER,
    "::2": NEVER,
    "::127.0.0.1": NEVER,
    "fe80::1": NEVER,
    "fe80::1%eth0": NEVER,
    "fd00::1%1": NEVER,
    "fe80::a9fe:a9fe": NEVER,
    "fec0::1": NEVER,
    "ff02::fb": NEVER,
    "ff0e::1": NEVER,
    "fd00:ec2::254": NEVER,
    "fd20:ce::254": NEVER,
    "2001:db8::1": NEVER,
    "2001:2::1": NEVER,
    "2001:20::1": NEVER,
    "3fff::1": NEVER,
    "100::1": NEVER,
    "64:ff9b:1::7f00:1": NEVER,
}


@pytest.mark.parametrize(("address", "wanted"), [*V4.items(), *V6.items()])
def test_the_class_of_an_address(address: str, wanted: AddressClass) -> None:
    assert classify(address) is wanted


@pytest.mark.parametrize(
    "text", ["", "localhost", "host.local", "127.1", "0x7f.0.0.1", "2130706433", "0127.0.0.1", "[::1]"]
)
def test_what_is_no_address_has_none(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        classify(text)
    assert not AddressPolicy().allows(text, 50_000)


def _embedded(inside: str) -> list[str]:
    number = int(IPv4Address(inside))
    return [
        str(IPv6Address(0xFFFF << 32 | number)),  # mapped
        str(IPv6Address(0x2002 << 112 | number << 80 | 1)),  # 6to4
        str(IPv6Address(0x2001 << 112 | 0x08080808 << 64 | (number ^ 0xFFFFFFFF))),  # Teredo
        str(IPv6Address(0x64FF9B << 96 | number)),  # NAT64
    ]


@pytest.mark.parametrize("inside", V4)
def test_an_address_inside_another_is_the_one_that_is_judged(inside: str) -> None:
    for outer in _embedded(inside):
        assert classify(outer) is V4[inside], outer


@given(st.ip_addresses())
def test_public_is_nothing_that_the_registries_hold_back(address: IPv4Address | IPv6Address) -> None:
    """Against Python's own table of IANA's registries: none of what it calls special counts as public. The other way
    round there is more: clouds have services at public addresses."""
    if classify(str(address)) is not PUBLIC:
        return
    inside = (
        [address.teredo and address.teredo[1], address.sixtofour, address.ipv4_mapped] if address.version == 6 else []
    )
    judged = next(filter(None, inside), address)
    assert judged.is_global or judged in IPv6Network("64:ff9b::/96")
    assert not judged.is_multicast


EXAMPLES = {PUBLIC: "8.8.8.8", PRIVATE: "10.1.2.3", LOOPBACK: "127.0.0.1", NEVER: "169.254.169.254"}


@pytest.mark.parametrize(
    ("setting", "client", "allowed"),
    [
        ("auto", "127.0.0.1", {PUBLIC, PRIVATE, LOOPBACK}),
        ("auto", "::1", {PUBLIC, PRIVATE, LOOPBACK}),
        ("auto", "::ffff:127.0.0.1", {PUBLIC, PRIVATE, LOOPBACK}),
        ("auto", "192.168.1.20", {PUBLIC, PRIVATE}),
        ("auto", "fd12::7", {PUBLIC, PRIVATE}),
        ("auto", "8.8.4.4", {PUBLIC}),
        ("auto", "2606:4700::1", {PUBLIC}),
        ("auto", "64:ff9b::a00:1", {PUBLIC, PRIVATE}),
        ("auto", "", {PUBLIC}),
        ("auto", "testclient", {PUBLIC}),
        ("public", "127.0.0.1", {PUBLIC}),
        ("private", "8.8.8.8", {PUBLIC, PRIVATE}),
        ("any", "8.8.8.8", {PUBLIC, PRIVATE, LOOPBACK}),
    ],
)
def test_a_client_reaches_no_further_in_than_it_is(
    setting: PeerAddresses, client: str, allowed: set[AddressClass]
) -> None:
    policy = AddressPolicy.of(setting, client)
    assert {name for name, address in EXAMPLES.items() if policy.allows(address, 50_000)} == allowed


def test_without_a_word_all_is_allowed_but_what_never_is() -> None:
    assert {name for name, address in EXAMPLES.items() if AddressPolicy().allows(address, 50_000)} == {
        PUBLIC,
        PRIVATE,
        LOOPBACK,
    }


@pytest.mark.parametrize("port", [-1, 0, 1, 53, 123, 161, 443, LOWEST_PORT - 1, 65536])
def test_services_of_strangers_are_not_knocked_at(port: int) -> None:
    assert not AddressPolicy().allows("8.8.8.8", port)
    assert AddressPolicy().allows("8.8.8.8", LOWEST_PORT)
    assert AddressPolicy().allows("8.8.8.8", 65535)
