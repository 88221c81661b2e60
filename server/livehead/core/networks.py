"""Networks: what counts as one client where limits are kept by address."""

from __future__ import annotations

import ipaddress


def network_of(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 that one gets in IPv6 (RFC 6177)."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
