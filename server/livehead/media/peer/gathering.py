"""A call's own ICE candidates (RFC 8445 section 5.1.1), at the ports and addresses that it may use.

aioice binds to any port, and knows no public address but a STUN server's word for it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from aioice.candidate import Candidate, candidate_foundation, candidate_priority
from aioice.ice import Connection, StunProtocol, server_reflexive_candidate
from aiortc import RTCPeerConnection

from livehead.media.peer.aiortc_parts import GATHER_TIMEOUT, replace, transports
from livehead.media.peer.media_addresses import MediaAddresses
from livehead.media.peer.stun_server import StunServer

LOOPBACK = "127.0.0.1"

BUFFER = 1 << 18
"""Bytes of a socket's receive buffer, as aioice has it."""

Gather = Callable[[int, list[str], int], Awaitable[list[Candidate]]]


def gather_at(pc: RTCPeerConnection, addresses: MediaAddresses) -> None:
    """Gather candidates at ``addresses``; where this machine has no network, at the loopback. To be called before
    they are gathered, which then raises UnavailableError where no port is free."""
    for gatherer in {dtls.transport.iceGatherer for dtls in transports(pc)}:
        _replace(gatherer._connection, addresses)


def _replace(connection: Connection, at: MediaAddresses) -> None:
    original: Gather = connection.get_component_candidates

    async def gather(component: int, addresses: list[str]) -> list[Candidate]:
        ports = await _open(connection, at.bind(addresses or [LOOPBACK]))
        for port in ports:
            port.local_candidate = _host(component, *port.transport.get_extra_info("sockname")[:2])
        connection._protocols += ports
        candidates = [port.local_candidate for port in ports]
        own = {each.host: each for each in candidates}
        candidates += [_stand_in(public, own[host]) for public, host in at.stand_ins(list(own))]
        reflexive, relayed = await asyncio.gather(
            _ask_stun(connection, ports, at.stun), original(component, [], GATHER_TIMEOUT)
        )
        told = {(each.host, each.port) for each in candidates}
        return candidates + [each for each in reflexive if (each.host, each.port) not in told] + relayed

    replace(connection, "get_component_candidates", gather)


async def _open(connection: Connection, bound: list[socket.socket]) -> list[StunProtocol]:
    loop = asyncio.get_running_loop()
    ports: list[StunProtocol] = []
    try:
        for each in bound:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            _, port = await loop.create_datagram_endpoint(lambda: StunProtocol(connection), sock=each)
            ports.append(port)
    except BaseException:
        for port in ports:
            port.transport.close()
        for each in bound[len(ports) :]:
            each.close()
        raise
    return ports


def _host(component: int, address: str, port: int) -> Candidate:
    return Candidate(
        foundation=candidate_foundation("host", "udp", address),
        component=component,
        transport="udp",
        priority=candidate_priority(component, "host"),
        host=address,
        port=port,
        type="host",
    )


def _stand_in(public: str, own: Candidate) -> Candidate:
    """Server-reflexive, as what a STUN server would say beyond the NAT."""
    return Candidate(
        foundation=candidate_foundation("srflx", "udp", own.host),
        component=own.component,
        transport="udp",
        priority=candidate_priority(own.component, "srflx"),
        host=public,
        port=own.port,
        type="srflx",
        related_address=own.host,
        related_port=own.port,
    )


async def _ask_stun(connection: Connection, ports: list[StunProtocol], stun: StunServer) -> list[Candidate]:
    """What a STUN server says of the IPv4 ports, as far as it answers in time."""
    asking = [port for port in ports if ":" not in port.local_candidate.host]
    if connection.stun_server is None or not asking:
        return []
    name, number = connection.stun_server
    address = await stun.address(name)
    if address is None:
        return []
    asked = [asyncio.create_task(server_reflexive_candidate(port, (address, number))) for port in asking]
    done, late = await asyncio.wait(asked, timeout=GATHER_TIMEOUT)
    for each in late:
        each.cancel()
    if not done:
        stun.silent()
    return [each.result()[0] for each in done if each.exception() is None]
