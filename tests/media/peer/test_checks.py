"""A client cannot have the server send packets to strangers: none outside its policy, few inside it, none large."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import aioice.ice
import aioice.mdns
import aioice.stun
import pytest
from aioice.stun import Class, Message, Method, parse_message
from hypothesis import given
from hypothesis import strategies as st

from livehead.core.limits import MAX_CANDIDATES, MAX_REMOTE_CANDIDATES
from livehead.media.peer.addresses import AddressPolicy
from livehead.media.peer.checks import INTERVAL_S, MAX_CHECKS, MAX_UNHEARD, CheckBudget
from livehead.media.peer.peer import Peer
from webrtc_client import Mic, client, connect

OFFER = (Path(__file__).parent / "offers" / "chromium.sdp").read_bytes().decode()
UFRAG, PASSWORD = "RB22", "gK/+QIKQTWCIin6GjSzigrE3"
PUBLIC = AddressPolicy.of("auto", "8.8.8.8")


def candidate(address: str, port: int, priority: int = 2_130_706_431, kind: str = "host") -> str:
    return f"candidate:{port} 1 udp {priority} {address} {port} typ {kind} raddr 127.0.0.1 rport 9"


def with_candidates(*lines: str) -> str:
    """The offer, with candidates in its first m-section."""
    return OFFER.replace("a=mid:0\r\n", "a=mid:0\r\n" + "".join(f"a={line}\r\n" for line in lines), 1)


@contextmanager
def listeners(count: int) -> Iterator[list[socket.socket]]:
    """Strangers on several addresses of the loopback."""
    with ExitStack() as stack:
        found = []
        for number in range(count):
            one = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            one.bind((f"127.0.0.{1 + number % 8}", 0))
            one.setblocking(False)
            found.append(one)
        yield found


def drain(strangers: list[socket.socket]) -> list[list[bytes]]:
    heard = []
    for one in strangers:
        packets = []
        while True:
            try:
                packets.append(one.recv(2048))
            except BlockingIOError:
                break
        heard.append(packets)
    return heard


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """All seven transmissions of a check within 1.3 s instead of 32."""
    monkeypatch.setattr(aioice.stun, "RETRY_RTO", 0.02)


@pytest.fixture
def packets(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Where every datagram of aioice's sockets goes to; none is sent."""
    sent: list[tuple[str, int]] = []

    def sendto(self: Any, data: bytes, address: tuple[str, int]) -> None:
        sent.append(address)

    monkeypatch.setattr(asyncio.selector_events._SelectorDatagramTransport, "sendto", sendto)
    return sent


async def test_a_client_from_outside_reaches_nothing_inside(hurried: None) -> None:
    """The server's own services and its network, in the offer and trickled."""
    with listeners(16) as strangers:
        lines = [candidate(*one.getsockname()) for one in strangers]
        async with Peer(addresses=PUBLIC) as peer:
            await peer.answer(with_candidates(*lines[:8]))
            for line in lines[8:]:
                await peer.add_candidate(line, "0", 0)
            await asyncio.sleep(1.5)
        assert drain(strangers) == [[]] * 16
        assert peer.candidates_refused == 16


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "100.100.100.200", "224.0.0.251", "255.255.255.255", "0.0.0.0", "::ffff:169.254.169.254"],
)
async def test_some_addresses_are_never_sent_to(address: str, packets: list[tuple[str, int]], hurried: None) -> None:
    async with Peer() as peer:
        await peer.answer(with_candidates(candidate(address, 50_000)))
        await peer.add_candidate(candidate(address, 50_001), "0", 0)
        await asyncio.sleep(0.3)
    assert packets == []
    assert peer.candidates_refused == 2


async def test_a_thousand_packets_are_not_asked_for_with_one_offer(
    packets: list[tuple[str, int]], hurried: None
) -> None:
    """64 ports and three network interfaces; 384 packets were sent before."""
    async with Peer() as peer:
        await peer.answer(with_candidates(*(candidate("127.0.0.1", 50_000 + n, 1000 - n) for n in range(40))))
        for n in range(40, 64):
            await peer.add_candidate(candidate("127.0.0.1", 50_000 + n), "0", 0)
        await asyncio.sleep(2.5)
    assert {port for _, port in packets} <= set(range(50_000, 50_000 + MAX_REMOTE_CANDIDATES))  # the best ones
    assert 0 < len(packets) <= MAX_UNHEARD


async def test_trickled_candidates_are_counted_with_those_of_the_offer(
    packets: list[tuple[str, int]], hurried: None
) -> None:
    async with Peer() as peer:
        await peer.answer(with_candidates(candidate("127.0.0.1", 50_000), candidate("127.0.0.1", 50_001)))
        for n in range(2, MAX_CANDIDATES * 4):
            await peer.add_candidate(candidate("127.0.0.1", 50_000 + n), "0", 0)
        assert len(peer._pc.getTransceivers()[0].receiver.transport.transport.getRemoteCandidates()) == 10
        await asyncio.sleep(2.0)
    assert {port for _, port in packets} == set(range(50_000, 50_000 + MAX_REMOTE_CANDIDATES))


async def test_other_m_lines_of_the_bundle_take_no_candidates_away(packets: list[tuple[str, int]]) -> None:
    async with Peer() as peer:
        await peer.answer(OFFER)
        for n in range(MAX_REMOTE_CANDIDATES):
            await peer.add_candidate(candidate("127.0.0.1", 50_000 + n), "1", 1)
        await peer.add_candidate(candidate("127.0.0.1", 40_000), "0", 0)
        await asyncio.sleep(0.1)
    assert {port for _, port in packets} == {40_000}


async def test_a_client_whose_candidates_are_all_refused_still_connects() -> None:
    """By its own checks: the server learns its address from them."""
    async with client() as pc, Peer(addresses=AddressPolicy(frozenset())) as peer:
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        await connect(peer, pc)
        await anext(aiter(peer.audio))
        assert peer.candidates_refused >= 1


@pytest.mark.parametrize("where", ["offer", "trickled"])
async def test_names_are_never_looked_up(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[object] = []

    async def resolve(*names: object, **options: object) -> None:
        looked_up.append(names)

    monkeypatch.setattr(aioice.mdns, "create_mdns_protocol", resolve)
    monkeypatch.setattr(aioice.ice, "get_or_create_mdns_protocol", resolve)
    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        monkeypatch.setattr(socket, name, lambda *names, **options: looked_up.append(names))
    names = ("8f6e4b6c-3a0e-4a3c-9a57-1c2d3e4f5a6b.local", "example.org", "localhost", "metadata.google.internal")
    async with Peer() as peer:
        await peer.answer(with_candidates(*(candidate(name, 50_000) for name in names if where == "offer")))
        for name in names:
            await peer.add_candidate(candidate(name, 50_000), "0", 0)
        await asyncio.sleep(0.1)
    assert [names for names in looked_up if names and names[0] in map(str, (*names, "224.0.0.251"))] == []


@given(st.lists(st.tuples(st.floats(0, 0.1), st.booleans()), max_size=400))
def test_checks_are_few_and_paced(requests: list[tuple[float, bool]]) -> None:
    budget = CheckBudget()
    now = 0.0
    unheard, heard, refused = [], 0, 0
    for step, known in requests:
        now += step
        delay = budget.take(now, heard=known)
        if delay is None:
            refused += 1
        elif known:
            assert delay == 0.0
            heard += 1
        else:
            unheard.append(now + delay)
    assert all(later - earlier > INTERVAL_S - 1e-9 for earlier, later in pairwise(unheard))
    assert len(unheard) <= MAX_UNHEARD
    assert len(unheard) + heard <= MAX_CHECKS
    assert budget.withheld == refused
    assert len(unheard) + heard + refused == len(requests)
    assert refused == 0 or len(unheard) == MAX_UNHEARD or len(unheard) + heard == MAX_CHECKS


class Sender(asyncio.DatagramProtocol):
    """A raw UDP socket: what goes out, and what comes back."""

    def __init__(self) -> None:
        self.back: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[Any, ...]) -> None:
        self.back.append(data)


@asynccontextmanager
async def raw_socket() -> AsyncIterator[tuple[asyncio.DatagramTransport, Sender]]:
    transport, sender = await asyncio.get_running_loop().create_datagram_endpoint(Sender, local_addr=("0.0.0.0", 0))
    try:
        yield transport, sender
    finally:
        transport.close()


def request(username: str, password: str | None, *, bare: bool = False) -> bytes:
    message = Message(message_method=Method.BINDING, message_class=Class.REQUEST)
    if not bare:
        message.attributes["USERNAME"] = username
        message.attributes["PRIORITY"] = 1_853_824_767
        message.attributes["ICE-CONTROLLING"] = 1
    if password is not None:
        message.add_message_integrity(password.encode())
    return bytes(message)


async def own_parameters(peer: Peer, offer: str) -> tuple[str, str, tuple[str, int]]:
    lines = (await peer.answer(offer)).split("\r\n")

    def value(name: str) -> str:
        return next(line.partition(":")[2] for line in lines if line.startswith(f"a={name}:"))

    words = next(line.split() for line in lines if line.startswith("a=candidate:") and ":" not in line.split()[4])
    return value("ice-ufrag"), value("ice-pwd"), (words[4], int(words[5]))


async def test_nobody_without_the_credentials_is_answered() -> None:
    async with Peer() as peer, raw_socket() as (transport, sender):
        ufrag, password, port = await own_parameters(peer, OFFER)
        for data in (
            request("", None, bare=True),
            request("", password, bare=True),
            request(f"{ufrag}:{UFRAG}", None),
            request(f"{ufrag}:{UFRAG}", "wrong" * 5),
            request(f"xxxx:{UFRAG}", password),
            request(f"{ufrag}:xxxx", password),
            request(f"{ufrag}", password),
            bytes(Message(message_method=Method.ALLOCATE, message_class=Class.REQUEST)),
            b"\x16\xfe\xfd" + bytes(60),
            bytes(20),
            b"",
        ):
            transport.sendto(data, port)
        await asyncio.sleep(0.3)
        assert sender.back == []
        assert not peer.heard.is_set()


async def test_who_has_them_is_answered_with_less_and_checked_a_few_times(hurried: None) -> None:
    """The sender's address may still be a stranger's, forged: each request brings its answer, and no more than one
    check's transmissions in all."""
    async with Peer() as peer, raw_socket() as (transport, sender):
        ufrag, password, port = await own_parameters(peer, OFFER)
        asked = request(f"{ufrag}:{UFRAG}", password)
        for _ in range(20):
            transport.sendto(asked, port)
        await asyncio.sleep(2.0)
        answers = [data for data in sender.back if parse_message(data).message_class == Class.RESPONSE]
        checks = [data for data in sender.back if parse_message(data).message_class == Class.REQUEST]
        assert len(answers) == 20
        assert max(map(len, answers)) <= len(asked)
        assert len(answers) + len(checks) == len(sender.back)
        assert 1 <= len(checks) <= 7
        assert peer.heard.is_set()


async def test_forged_senders_get_no_more_than_a_hundred_checks(packets: list[tuple[str, int]], hurried: None) -> None:
    async with Peer() as peer:
        ufrag, password, _ = await own_parameters(peer, OFFER)
        connection = peer._pc.getTransceivers()[0].receiver.transport.transport.iceGatherer._connection
        protocol = connection._protocols[0]
        await asyncio.sleep(0.1)
        for n in range(400):
            protocol.datagram_received(request(f"{ufrag}:{UFRAG}", password), ("127.0.0.1", 40_000 + n))
            if n % 20 == 0:
                await asyncio.sleep(0)
        responses = len(packets)
        await asyncio.sleep(1.5)
        assert responses <= 400 + MAX_CHECKS
        assert len(packets) <= 400 + MAX_CHECKS
        assert len(connection._remote_candidates) <= MAX_REMOTE_CANDIDATES + 8
