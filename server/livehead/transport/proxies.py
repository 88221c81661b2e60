"""The reverse proxies whose X-Forwarded-For is believed."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from livehead.errors import UsageError


class Proxies:
    """Addresses and networks. ``"10.0.0.7" in proxies`` asks for a connection's address."""

    def __init__(self, given: Iterable[str]) -> None:
        """Raises UsageError for what is neither an address nor a network."""
        self.names = list(given)
        self._networks = [_parse(each) for each in self.names]

    def __contains__(self, address: str) -> bool:
        if not self._networks:
            return False
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


def _parse(given: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(given)
    except ValueError as error:
        raise UsageError(
            f'trusted_proxies: {error}. Write addresses or networks, as in ["10.0.0.7", "10.1.0.0/16"].'
        ) from None
