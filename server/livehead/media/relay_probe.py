"""What STUN and TURN servers answer, asked as a client would: an allocation, the address that we are seen at, and
whether UDP that comes from outside reaches a port of this machine."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from dataclasses import dataclass
from typing import Any

from aioice import stun, turn
from aiortc.rtcicetransport import parse_stun_turn_uri

from livehead.errors import LiveheadError, UsageError

LIFETIME_S = 60
BACK_S = 2.0
"""How long a packet may take through the relay and back."""

Address = tuple[str, int]


class RefusedError(LiveheadError):
    """The server answered, with an error (RFC 8489 section 14.8, RFC 8656 section 19)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"it answers {code} {reason}".rstrip())
        self.code = code


class UnreachableError(LiveheadError):
    """No answer, or none that says anything."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """``relayed`` is the relay's address, ``mapped`` the one that the server sees us at. ``arrived`` says whether a
    packet that the relay sent to ``target`` came; None where it would not send there."""

    relayed: Address
    mapped: Address
    target: Address
    arrived: bool | None


async def allocate(
    url: str, username: str, password: str, *, seconds: float, back_to: tuple[str | None, int] | None = None
) -> Allocation:
    """Allocate at ``turn:`` or ``turns:``, and give it up again. ``back_to`` is an address, None for the one that we
    are seen at, and a UDP port of this machine, 0 for a free one: a packet is sent there through the relay.

    Raises :class:`RefusedError`, :class:`UnreachableError`, and UsageError for what is no TURN address.
    """
    place = _read(url, "turn")
    waiting = _Waiting()
    try:
        async with asyncio.timeout(seconds):
            relay, _ = await turn.create_turn_endpoint(
                lambda: waiting,
                (place["host"], place["port"]),
                username,
                password,
                lifetime=LIFETIME_S,
                ssl=place["scheme"] == "turns" or None,
                transport=place["transport"],
            )
    except stun.TransactionFailed as error:
        raise RefusedError(*error.response.attributes.get("ERROR-CODE", (0, ""))) from None
    except (TimeoutError, stun.TransactionError):
        raise UnreachableError(f"it did not answer within {seconds:g} s") from None
    except OSError as error:
        raise UnreachableError(_words(error)) from None
    try:
        relayed, mapped = relay.get_extra_info("sockname"), relay.get_extra_info("related_address")
        host, port = back_to or (None, 0)
        target, arrived = (host or mapped[0], port), None
        if back_to is not None:
            target, arrived = await _send_back(relay, waiting, target)
        return Allocation(tuple(relayed), tuple(mapped), target, arrived)
    finally:
        relay.close()
        await asyncio.wait([waiting.lost], timeout=seconds)


async def reflect(url: str, *, seconds: float) -> Address:
    """The address that a ``stun:`` or ``turn:`` server sees us at, over UDP (RFC 8489 section 2).

    Raises :class:`RefusedError`, :class:`UnreachableError`, and UsageError for what is no such address.
    """
    place = _read(url, "")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            transport, protocol = await loop.create_datagram_endpoint(
                lambda: _Binding((place["host"], place["port"])), remote_addr=(place["host"], place["port"])
            )
            try:
                message, _ = await protocol.ask()
            finally:
                transport.close()
    except stun.TransactionFailed as error:
        raise RefusedError(*error.response.attributes.get("ERROR-CODE", (0, ""))) from None
    except (TimeoutError, stun.TransactionError):
        raise UnreachableError(f"it did not answer within {seconds:g} s") from None
    except OSError as error:
        raise UnreachableError(_words(error)) from None
    mapped = message.attributes.get("XOR-MAPPED-ADDRESS") or message.attributes.get("MAPPED-ADDRESS")
    if mapped is None:
        raise UnreachableError("its answer has no address")
    return (mapped[0], mapped[1])


async def _send_back(relay: turn.TurnTransport, waiting: _Waiting, target: Address) -> tuple[Address, bool | None]:
    """Open the port, and send a packet there through the relay."""
    loop = asyncio.get_running_loop()
    token = secrets.token_bytes(16)
    opened, listening = await loop.create_datagram_endpoint(
        lambda: _Listening(token), local_addr=("::" if ":" in target[0] else "0.0.0.0", target[1])
    )
    try:
        target = (target[0], opened.get_extra_info("sockname")[1])
        relay.sendto(token, target)
        await asyncio.wait([listening.arrived, waiting.failed], timeout=BACK_S, return_when=asyncio.FIRST_COMPLETED)
        if listening.arrived.done():
            return target, True
        return target, None if waiting.failed.done() else False
    finally:
        opened.close()


class _Waiting(asyncio.DatagramProtocol):
    """Of an allocation: when it is given up, and whether sending failed."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = loop.create_future()
        self.failed: asyncio.Future[None] = loop.create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(None)

    def error_received(self, exc: Exception) -> None:
        if not self.failed.done():
            self.failed.set_result(None)


class _Listening(asyncio.DatagramProtocol):
    def __init__(self, token: bytes) -> None:
        self.arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._token = token

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if data == self._token and not self.arrived.done():
            self.arrived.set_result(None)


class _Binding(asyncio.DatagramProtocol):
    """One Binding request."""

    def __init__(self, server: Address) -> None:
        self._server = server
        self._transaction: stun.Transaction | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    async def ask(self) -> tuple[stun.Message, Address]:
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        self._id = request.transaction_id
        self._transaction = stun.Transaction(request, self._server, self)
        return await self._transaction.run()

    def send_stun(self, message: stun.Message, addr: Address) -> None:
        self._transport.sendto(bytes(message))

    def datagram_received(self, data: bytes, addr: Any) -> None:
        try:
            message = stun.parse_message(data)
        except ValueError:
            return
        if self._transaction is not None and message.transaction_id == self._id:
            self._transaction.response_received(message, addr)


def _words(error: OSError) -> str:
    """The system's words, where asyncio has put its own in their place."""
    if isinstance(error, socket.gaierror) or not error.errno:
        return error.strerror or str(error)
    return os.strerror(error.errno)


def _read(url: str, scheme: str) -> dict[str, Any]:
    try:
        place: dict[str, Any] = parse_stun_turn_uri(url)
    except ValueError:
        place = {"scheme": ""}
    if not place["scheme"].startswith(scheme or ("stun", "turn")):
        raise UsageError(f"{url} is not an address like turn:host:3478?transport=udp")
    return place
