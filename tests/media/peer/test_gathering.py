"""The candidates that clients are told, and calls through them: at chosen ports, and behind NAT."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterable
from typing import cast

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from livehead.errors import UnavailableError
from livehead.media.peer.media_addresses import MediaAddresses
from livehead.media.peer.peer import IceServer, Peer
from udp_ports import free_ports
from waiting import until
from webrtc_client import Mic, client, connect

HERE, PUBLIC = "127.0.0.1", "127.0.0.2"


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without a network: its only address is the loopback's, for both sides."""
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: [HERE])


def candidates(sdp: str) -> list[tuple[str, str, int]]:
    """Type, address and port of each in a description, those of its first m-line."""
    found = re.findall(r"^a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ (\w+)", sdp.partition("a=end-of")[0], re.MULTILINE)
    return [(kind, address, int(port)) for address, port, kind in found]


async def answered(peer: Peer, pc: RTCPeerConnection) -> list[tuple[str, str, int]]:
    pc.addTrack(Mic())
    pc.addTransceiver("video", "recvonly")
    await pc.setLocalDescription(await pc.createOffer())
    return candidates(await peer.answer(pc.localDescription.sdp))


async def test_calls_are_at_the_chosen_ports_until_there_are_no_more() -> None:
    addresses = MediaAddresses(free_ports(2))
    async with client() as one, client() as two, client() as three:
        async with Peer(media_addresses=addresses) as first:
            found = await answered(first, one)
            async with Peer(media_addresses=addresses) as second:
                found += await answered(second, two)
                assert sorted(found) == [("host", HERE, port) for port in addresses.ports or ()]
                async with Peer(media_addresses=addresses) as third:
                    with pytest.raises(UnavailableError, match="UDP ports"):
                        await answered(third, three)
            assert addresses.taken() == 1
        assert addresses.taken() == 0, "a port is free again when its call has ended"


async def test_two_servers_share_a_machine_with_ranges_of_their_own() -> None:
    ports = free_ports(4)
    ranges = [ports[:2], ports[2:]]
    async with contextlib.AsyncExitStack() as stack:
        for own in ranges * 2:
            peer = await stack.enter_async_context(Peer(media_addresses=MediaAddresses(own)))
            ((_, _, port),) = await answered(peer, await stack.enter_async_context(client()))
            assert port in own
        assert [MediaAddresses(own).taken() for own in ranges] == [2, 2]


async def test_a_public_address_is_told_beside_the_own_one() -> None:
    (port,) = ports = free_ports(1)
    addresses = MediaAddresses(ports, (PUBLIC, "2001:db8::7"))
    async with client() as pc, Peer(media_addresses=addresses) as peer:
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        answer = await connect(peer, pc)
    assert candidates(answer) == [("host", HERE, port), ("srflx", PUBLIC, port)]
    assert f"{PUBLIC} {port} typ srflx raddr {HERE} rport {port}" in answer


async def test_a_stun_server_that_does_not_answer_costs_two_seconds_and_no_candidate() -> None:
    stun = IceServer((f"stun:127.0.0.1:{free_ports(1)[0]}",))
    async with client() as pc, Peer([stun]) as peer:
        async with asyncio.timeout(20):
            assert [kind for kind, _, _ in await answered(peer, pc)] == ["host"]


async def test_a_call_through_nat_that_maps_one_to_one() -> None:
    """The client knows the public address alone, and the server none of the client's."""
    ports = free_ports(2)
    async with client() as pc, Peer(media_addresses=MediaAddresses(ports, (PUBLIC,))) as peer, nat(ports) as passed:
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        await pc.setLocalDescription(await pc.createOffer())
        answer = await peer.answer(without("host", pc.localDescription.sdp))
        await pc.setRemoteDescription(RTCSessionDescription(without("host", answer), "answer"))
        await until(peer.connected.is_set)
        assert (await anext(peer.audio)).start == 0
        await until(lambda: min(passed.values()) > 10)


def without(kind: str, sdp: str) -> str:
    return re.sub(rf"^a=candidate:.* typ {kind}.*\r\n", "", sdp, flags=re.MULTILINE)


@contextlib.asynccontextmanager
async def nat(ports: Iterable[int]) -> AsyncIterator[dict[str, int]]:
    """What comes to the public address goes on to the own one, from a port of the NAT's for each client, and back."""
    passed = {"in": 0, "out": 0}
    loop = asyncio.get_running_loop()
    opened: list[asyncio.DatagramTransport] = []
    inner: dict[tuple[str, int], asyncio.DatagramTransport] = {}

    class Outside(asyncio.DatagramProtocol):
        def __init__(self, port: int) -> None:
            self.port = port

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.DatagramTransport, transport)

        def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
            passed["in"] += 1
            tasks.append(loop.create_task(self.forward(data, sender)))

        async def forward(self, data: bytes, sender: tuple[str, int]) -> None:
            if sender not in inner:
                protocol = Inside(self.transport, sender)
                made, _ = await loop.create_datagram_endpoint(lambda: protocol, remote_addr=(HERE, self.port))
                opened.append(made)
                inner.setdefault(sender, made)
            inner[sender].sendto(data)

    class Inside(asyncio.DatagramProtocol):
        def __init__(self, outside: asyncio.DatagramTransport, client: tuple[str, int]) -> None:
            self.outside, self.client = outside, client

        def datagram_received(self, data: bytes, _: tuple[str, int]) -> None:
            passed["out"] += 1
            self.outside.sendto(data, self.client)

    tasks: list[asyncio.Task[None]] = []
    for port in ports:
        outside, _ = await loop.create_datagram_endpoint(lambda port=port: Outside(port), local_addr=(PUBLIC, port))
        opened.append(outside)
    try:
        yield passed
    finally:
        for each in opened:
            each.close()
        await asyncio.gather(*tasks)
