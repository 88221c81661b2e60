"""Hosts and origins, as headers and settings write them (RFC 3986 section 3.2, RFC 6454)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_HOST = 255
"""Characters of a host name (RFC 1035 section 2.3.4)."""

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

_HOST = re.compile(
    r"(?:\[(?P<v6>[0-9a-f:.]+)(?:%(?:25)?[a-z0-9._~-]+)?\]|(?P<name>[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?)"
    r"(?::(?P<port>[0-9]{0,5}))?"
)
_HTTP_URL = re.compile(r"(?i:https?)://(?P<host>[^/?#\s]+)(?:[/?][\x21-\x7e]*)?")
_ORIGIN = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]{0,31})://(?P<host>[^/?#]+)")


@dataclass(frozen=True, slots=True)
class Host:
    """A host and the port that was written with it. ``name`` is in small letters, without a dot at its end, and
    without the zone of an IPv6 address; ``address`` is None where it is a name."""

    name: str
    address: Address | None = None
    port: int | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether it means this machine, whoever resolves it (RFC 6761 section 6.3)."""
        if self.address is not None:
            return self.address.is_loopback
        return self.name == "localhost" or self.name.endswith(".localhost")

    def __str__(self) -> str:
        name = f"[{self.name}]" if isinstance(self.address, ipaddress.IPv6Address) else self.name
        return name if self.port is None else f"{name}:{self.port}"


def parse_host(text: str) -> Host:
    """``host`` or ``host:port``. Raises ValueError for anything else, and does not repeat it."""
    found = _HOST.fullmatch(text.lower()) if len(text) <= MAX_HOST else None
    if found is None:
        raise ValueError("this is no host")
    port = int(found["port"]) if found["port"] else None
    if port is not None and port > 65535:
        raise ValueError("this is no port")
    if found["v6"] is not None:
        address = parse_address(found["v6"])
        if address is None:
            raise ValueError("this is no address")
        return Host(str(address), address, port)
    address = parse_address(found["name"])
    return Host(found["name"] if address is None else str(address), address, port)


def parse_address(text: str) -> Address | None:
    """An IP address without its zone, an IPv4 address where IPv6 wraps one; None for what is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


@dataclass(frozen=True, slots=True)
class Origin:
    """What a browser says of the page that makes a request. ``host.port`` is None for the scheme's own port."""

    scheme: str
    host: Host

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}"

    def is_of(self, host: Host, scheme: str) -> bool:
        """Whether it is the origin of a request to ``host`` that came by ``scheme``. A proxy may have taken the TLS
        off, so a page of https may have asked by http; never the other way round."""
        if self.scheme not in ("http", "https") or (scheme in ("https", "wss") and self.scheme != "https"):
            return False
        default = DEFAULT_PORTS[self.scheme]
        return self.host.name == host.name and (self.host.port or default) == (host.port or default)


def parse_origin(text: str) -> Origin:
    """``scheme://host`` or ``scheme://host:port``. Raises ValueError for anything else, ``null`` among it."""
    found = _ORIGIN.fullmatch(text.lower())
    if found is None:
        raise ValueError("this is no origin")
    host = parse_host(found["host"])
    if host.port is not None and host.port == DEFAULT_PORTS.get(found["scheme"]):
        host = Host(host.name, host.address)
    return Origin(found["scheme"], host)


def read_listed_origin(text: str) -> str:
    """An origin as a setting lists it, ``null`` or ``*``. Raises ValueError in words for users."""
    if text in ("*", "null"):
        return text
    try:
        return str(parse_origin(text))
    except ValueError:
        raise ValueError(f"{text[:80]!r} is no origin; write it as https://shop.example, without a path") from None


def read_listed_host(text: str) -> str:
    """A host as a setting lists it: a name or an address, ``*.example.com``, or ``*``. Raises ValueError in words for
    users."""
    if text == "*":
        return text
    wildcard = "*." if text.startswith("*.") else ""
    try:
        host = parse_host(text.removeprefix(wildcard))
    except ValueError:
        host = None
    if host is None or host.port is not None or (wildcard and host.address is not None):
        raise ValueError(
            f"{text[:80]!r} is no host name; write it as head.example.com, *.example.com or [::1], without a port"
        )
    return wildcard + host.name


def read_frame_source(text: str) -> str:
    """A source of CSP's frame-ancestors as a setting lists it. Raises ValueError in words for users."""
    if text in ("'self'", "'none'", "*"):
        return text
    scheme, wildcard, name = text.partition("://*.")
    try:
        return str(parse_origin(f"{scheme}://{name}")).replace("://", "://*.") if wildcard else str(parse_origin(text))
    except ValueError:
        raise ValueError(
            f"{text[:80]!r} is no frame ancestor; write 'self', 'none' (with the quotes), *, https://shop.example or "
            "https://*.shop.example"
        ) from None


def read_public_address(text: str) -> str:
    """An IP address that one machine can have, or a host name that stands for some. Raises ValueError in words for
    users."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    address = None if "%" in bare else parse_address(bare)
    if address is not None:
        if address.is_unspecified or address.is_multicast or address.is_link_local or str(address) == "255.255.255.255":
            raise ValueError(
                f"{text} is no address that clients could send to; give the one that NAT maps to this machine"
            )
        return str(address)
    try:
        host = parse_host(text)
    except ValueError:
        host = None
    if host is None or host.port is not None or host.address is not None or host.name.replace(".", "").isdigit():
        raise ValueError(
            f"{text[:80]!r} is no address; write it as 198.51.100.7, 2001:db8::7 or head.example.com, without a port"
        )
    return host.name


def read_http_url(text: str) -> str:
    """``text`` itself, an address of HTTP or HTTPS that requests can be made to. Raises ValueError for anything else,
    and for one with a user name or password in it: those would be shown wherever the address is."""
    found = _HTTP_URL.fullmatch(text)
    if found is None:
        raise ValueError("write an address that begins with http:// or https://")
    if "@" in found["host"]:
        raise ValueError("leave user name and password out of the address")
    parse_host(found["host"])
    return text
