"""Which of a client's addresses the server may send checks to.

An ICE candidate is a wish: "send a packet there". Without a policy anybody could have packets sent into the server's
own network, to its own services, or to a cloud's metadata service (RFC 8445 section 19.5.1). What a client really
has is found without it, too: its own checks come from there (peer-reflexive candidates).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal, Self

PeerAddresses = Literal["auto", "public", "private", "any"]


class AddressClass(StrEnum):
    """``NEVER`` is sent to under no policy: what reaches more than one host, no host, or a cloud's own services."""

    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    NEVER = "never"


LOWEST_PORT = 1024
"""Browsers take ports from the system's ephemeral range, and TURN servers from 49152 up (RFC 8656 section 7.2). Below
are the services of strangers: DNS, NTP, SNMP. libwebrtc refuses them, too."""

_PRIVATE_4 = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))
_NEVER_4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this host on this network, RFC 1122
            "100.100.100.200/32",  # metadata, Alibaba Cloud
            "168.63.129.16/32",  # the platform's services, Azure
            "169.254.0.0/16",  # link-local, RFC 3927; metadata of most clouds
            "192.0.0.0/24",  # protocol assignments, RFC 6890; 192.0.0.192 is metadata, Oracle Cloud
            "192.0.2.0/24",  # documentation, RFC 5737
            "192.88.99.0/24",  # 6to4 relays, RFC 7526
            "198.18.0.0/15",  # benchmarks, RFC 2544
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast, RFC 5771
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
_LOOPBACK_4 = IPv4Network("127.0.0.0/8")

_PRIVATE_6 = IPv6Network("fc00::/7")
_GLOBAL_6 = IPv6Network("2000::/3")
_NEVER_6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, RFC 2928; Teredo, which is among them, is read before
            "2001:db8::/32",  # documentation, RFC 3849
            "3fff::/20",  # documentation, RFC 9637
            "fd00:ec2::/32",  # metadata, Amazon
            "fd20:ce::/32",  # metadata, Google
        ),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


def classify(address: str) -> AddressClass:
    """The class of an IP address in its text form. An IPv6 address that stands for an IPv4 one (mapped, 6to4, Teredo,
    NAT64) is of that one's class. Raises ValueError for what is no IP address, a host name for one."""
    return _class_of(ip_address(address))


def _class_of(address: IPv4Address | IPv6Address) -> AddressClass:
    if isinstance(address, IPv6Address):
        inside = _inside(address)
        return _class_of_6(address) if inside is None else _class_of(inside)
    if any(address in network for network in _NEVER_4):
        return AddressClass.NEVER
    if address in _LOOPBACK_4:
        return AddressClass.LOOPBACK
    if any(address in network for network in _PRIVATE_4):
        return AddressClass.PRIVATE
    return AddressClass.PUBLIC


def _class_of_6(address: IPv6Address) -> AddressClass:
    if address.scope_id is not None:
        return AddressClass.NEVER  # a zone is one of this machine's own, and no client's to name
    if address.is_loopback:
        return AddressClass.LOOPBACK
    if any(address in network for network in _NEVER_6):
        return AddressClass.NEVER
    if address in _PRIVATE_6:
        return AddressClass.PRIVATE
    return AddressClass.PUBLIC if address in _GLOBAL_6 else AddressClass.NEVER


def _inside(address: IPv6Address) -> IPv4Address | None:
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """The classes that checks are sent to. Made without arguments it takes all but ``NEVER``."""

    classes: frozenset[AddressClass] = frozenset(AddressClass) - {AddressClass.NEVER}

    @classmethod
    def of(cls, setting: PeerAddresses, client_address: str) -> Self:
        """The policy of ``settings.media.peer_addresses`` for a client whose request came from ``client_address``.

        ``public``: public addresses; ``private``: those of private networks, too; ``any``: the loopback, too.
        ``auto``: what the request's own address belongs to, so that nobody reaches further in than they are; an
        address that cannot be read is taken for a public one.
        """
        if setting == "auto":
            try:
                found = classify(client_address)
            except ValueError:
                found = AddressClass.PUBLIC
            reach: dict[AddressClass, PeerAddresses] = {AddressClass.LOOPBACK: "any", AddressClass.PRIVATE: "private"}
            setting = reach.get(found, "public")
        classes = {AddressClass.PUBLIC}
        if setting in ("private", "any"):
            classes.add(AddressClass.PRIVATE)
        if setting == "any":
            classes.add(AddressClass.LOOPBACK)
        return cls(frozenset(classes))

    def allows(self, address: str, port: int) -> bool:
        """Whether checks may be sent there. False for what is no IP address."""
        if not LOWEST_PORT <= port < 65536:
            return False
        try:
            return classify(address) in self.classes
        except ValueError:
            return False
