"""Where a call's media come to: UDP ports of this machine, and the public addresses that stand for its own."""

from __future__ import annotations

import errno
import ipaddress
import logging
import secrets
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from livehead.errors import UnavailableError, UsageError
from livehead.media.peer.stun_server import StunServer

RETRY_S = 5.0

TRIES = 20
"""A port that the system chooses for one address may be taken at another."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MediaAddresses:
    """``ports`` are those that calls may use, None for whichever the system chooses. ``public`` are IP addresses by
    which clients reach this machine at the same ports, beside its own ones: NAT that maps one to one, as clouds have.

    A call has one port number, the same at every address of the machine. So a range holds as many clients as it has
    ports, and a firewall or NAT need not know the interface. ``stun`` is what is known of a STUN server.
    """

    ports: range | None = None
    public: tuple[str, ...] = ()
    stun: StunServer = field(default_factory=StunServer, compare=False)

    @classmethod
    def of(cls, ports: range | None, public_address: str | None) -> Self:
        """``public_address`` as the setting has it: addresses and host names with commas between. Looks names up, so
        not on the event loop. Raises UsageError for a name without an address."""
        public: list[str] = []
        for each in (public_address or "").split(","):
            if each:
                public += _look_up(each)
        return cls(ports, tuple(dict.fromkeys(public)))

    @property
    def room(self) -> int | None:
        """How many clients can be connected at once; None where only the system bounds it."""
        return None if self.ports is None else len(self.ports)

    def taken(self) -> int:
        """How many ports of the range are in use now, by whomever. Tries them all."""
        found = 0
        for port in self.ports or ():
            bound = _bind(["0.0.0.0"], port)
            found += bound is None
            for each in bound or ():
                each.close()
        return found

    def bind(self, addresses: Sequence[str]) -> list[socket.socket]:
        """A UDP socket for each of ``addresses`` that can be had, all at one port. Those that are not this machine's
        any more are left out. Raises UnavailableError where no port is free."""
        for port in self._candidates():
            if (found := _bind(addresses, port)) is not None:
                return found
        what = "that the system chooses" if self.ports is None else f"of --udp-ports {describe(self.ports)}"
        raise UnavailableError(
            f"All UDP ports {what} are in use. Try again when a client has left; the server's owner can give it more.",
            problem="full",
            retry_after=RETRY_S,
        )

    def stand_ins(self, addresses: Sequence[str]) -> list[tuple[str, str]]:
        """The public addresses that clients are told, each with the first of ``addresses`` that it stands for: of its
        own IP version. One that is among ``addresses`` needs no telling."""
        found = []
        for public in self.public:
            version = ipaddress.ip_address(public).version
            own = next((each for each in addresses if ipaddress.ip_address(each).version == version), None)
            if own is not None and public not in addresses:
                found.append((public, own))
        return found

    def _candidates(self) -> Iterator[int]:
        """From any place of the range on, so that a port rests before it is another call's."""
        if self.ports is None:
            yield from [0] * TRIES
            return
        begin = secrets.randbelow(len(self.ports))
        yield from self.ports[begin:]
        yield from self.ports[:begin]


ANY_PORT = MediaAddresses()


def describe(ports: range) -> str:
    """As the setting has it."""
    return f"{ports[0]}-{ports[-1]}"


def _bind(addresses: Sequence[str], port: int) -> list[socket.socket] | None:
    """None where somebody has the port at one of the addresses."""
    found: list[socket.socket] = []
    for address in addresses:
        made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            made.setblocking(False)
            if made.family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.bind((address, port))
        except OSError as error:
            made.close()
            if error.errno == errno.EADDRINUSE:
                for each in found:
                    each.close()
                return None
            logger.info("UDP port %d of %s cannot be used: %s", port, address, error)
        else:
            found.append(made)
            port = made.getsockname()[1]
    return found


def _look_up(name: str) -> list[str]:
    try:
        return [str(ipaddress.ip_address(name))]
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise UsageError(
            f"--public-address {name}: no address is known for this name ({error}). Check it, or give the address."
        ) from None
    return [str(each[4][0]) for each in found]
