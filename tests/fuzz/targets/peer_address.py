"""Addresses of ICE candidates: what a policy lets through is what the standard library knows it for."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address

from fuzz.mutators import line_mutator
from fuzz.target import Target
from livehead.media.peer.addresses import AddressClass, AddressPolicy, classify

NAT64 = IPv6Network("64:ff9b::/96")


def run(data: bytes) -> None:
    """Two addresses, the candidate's and the request's."""
    address, _, client = data.decode("utf-8", "surrogateescape").partition(" ")
    try:
        kind = classify(address)
    except ValueError:
        kind = None
    before = frozenset[AddressClass]()
    for setting in ("public", "private", "any"):
        policy = AddressPolicy.of(setting, client)  # type: ignore[arg-type]
        assert policy.classes > before
        before = policy.classes
        assert AddressClass.NEVER not in policy.classes
        assert policy.allows(address, 50_000) == (kind in policy.classes)
        assert not policy.allows(address, 80)
    assert AddressPolicy.of("auto", client).classes <= before
    if kind is None:
        return
    found = ip_address(address)
    inside = found.ipv4_mapped if isinstance(found, IPv6Address) and found.ipv4_mapped is not None else found
    if inside.is_multicast or inside.is_link_local or inside.is_unspecified:
        assert kind is AddressClass.NEVER
    if inside.is_loopback and getattr(inside, "scope_id", None) is None:
        assert kind is AddressClass.LOOPBACK
    if kind is AddressClass.PUBLIC and inside is found:
        tunnel = isinstance(found, IPv6Address) and (
            found.sixtofour or found.teredo or str(found).startswith("64:ff9b")
        )
        assert found.is_global or tunnel, "a public address that is none"


TARGET = Target(
    "peer_address",
    run,
    (
        *(
            b"8.8.8.8 127.0.0.1",
            b"10.0.0.1 192.0.2.1",
            b"127.0.0.1 10.0.0.1",
            b"169.254.169.254 ::1",
            b"fe80::1%eth0 x",
        ),
        *(
            b"::ffff:10.0.0.1 ::",
            b"2002:7f00:1::1 1",
            b"64:ff9b::a9fe:a9fe 8.8.8.8",
            b"2001:0:1::1 fd00::1",
            b"::1 ::1",
        ),
    ),
    line_mutator(
        (),
        (
            *(
                "0.0.0.0",
                "255.255.255.255",
                "224.0.0.1",
                "100.64.0.1",
                "0x7f.1",
                "0177.0.0.1",
                "127.1",
                "2130706433",
                "::",
            ),
            *("::ffff:127.0.0.1", "::127.0.0.1", "ff02::1", "fd00:ec2::254", "2002:a9fe:a9fe::", "%25lo", "a.local"),
        ),
        ":",
    ),
    256,
    (2500, 5.0),
)
