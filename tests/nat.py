"""A NAT between an aiortc client and the server, on this machine, for UDP: it may forget its mapping."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Self, cast

CANDIDATE = re.compile(r"^a=candidate:.*\r?\n", re.MULTILINE)
HOST = re.compile(
    r"^(a=candidate:\S+ 1 udp \d+ )(\d+\.\d+\.\d+\.\d+) (\d+)( typ host.*\r?\n)", re.MULTILINE | re.IGNORECASE
)


class _Socket(asyncio.DatagramProtocol):
    """``pass_on`` gets what comes in, and from where."""

    transport: asyncio.DatagramTransport

    def __init__(self, pass_on: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._pass_on = pass_on

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
        self._pass_on(data, sender)


class Nat:
    """The client is given :meth:`answer` instead of the server's, and the server :meth:`offer`: neither knows the
    other's addresses."""

    client: tuple[str, int] | None = None
    server: tuple[str, int]
    inner: _Socket | None = None
    outer: _Socket | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for each in (self.inner, self.outer):
            if each is not None:
                each.transport.close()

    @staticmethod
    def offer(sdp: str) -> str:
        return CANDIDATE.sub("", sdp)

    async def answer(self, sdp: str) -> str:
        found = HOST.search(sdp)
        assert found is not None, "the server has no IPv4 address"
        self.server = found[2], int(found[3])
        _, self.inner = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Socket(self._out), local_addr=(found[2], 0)
        )
        await self._map()
        port = self.inner.transport.get_extra_info("sockname")[1]
        told = iter([f"{found[1]}{found[2]} {port}{found[4]}"])
        return CANDIDATE.sub(lambda _: next(told, ""), sdp)

    async def rebind(self) -> None:
        """The mapping is forgotten: what the client sends comes from another port from now on."""
        before = self.outer
        await self._map()
        if before is not None:
            before.transport.close()

    def _out(self, data: bytes, sender: tuple[str, int]) -> None:
        self.client = sender
        if self.outer is not None:
            self.outer.transport.sendto(data, self.server)

    def _in(self, data: bytes, sender: tuple[str, int]) -> None:
        if self.inner is not None and self.client is not None:
            self.inner.transport.sendto(data, self.client)

    async def _map(self) -> None:
        _, self.outer = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Socket(self._in), local_addr=(self.server[0], 0)
        )
