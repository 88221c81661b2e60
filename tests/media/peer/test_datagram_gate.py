"""Which datagrams pass the gate of one port. No clock but the test's, no socket."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from livehead.media.peer.client_traffic import MAX_SOURCES, ClientTraffic
from livehead.media.peer.datagram_gate import MAX_DATAGRAM, STUN_BURST, STUN_COOKIE, DatagramGate

CLIENT, STRANGER = ("192.0.2.1", 5000), ("203.0.113.9", 6000)
USERNAME = b"abcd:"
DTLS = b"\x16" + bytes(30)


def rtp(source: int = 1) -> bytes:
    return struct.pack("!BBHLL", 0x80, 111, 1, 1, source) + bytes(20)


def rtcp(source: int = 1, size: int = 40) -> bytes:
    return (struct.pack("!BBHL", 0x80, 201, 7, source) + bytes(size))[:size]


def stun(kind: int = 1, username: bytes = USERNAME, transaction: bytes = b"t" * 12) -> bytes:
    return struct.pack("!HH", kind, len(username)) + STUN_COOKIE + transaction + username


@dataclass
class Fixture:
    now: float = 100.0
    nominated: bool = True
    room: bool = True
    taken: list[bytes] = field(default_factory=list)
    stun: list[bytes] = field(default_factory=list)
    malformed: list[str] = field(default_factory=list)
    floods: list[str] = field(default_factory=list)
    transactions: set[bytes] = field(default_factory=set)
    came: list[tuple[object, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.traffic = ClientTraffic(500, self.floods.append, clock=lambda: self.now)
        self.gate = DatagramGate(
            self.traffic,
            lambda what, error: self.malformed.append(what),
            username=USERNAME,
            transactions=self.transactions,
            read_stun=lambda data, sender: self.read_stun(data),
            put=lambda data: self.room and (self.taken.append(data) or True),
            selected=lambda: self.nominated,
            came=self.came.append,
            clock=lambda: self.now,
        )

    def read_stun(self, data: bytes) -> None:
        self.stun.append(data)
        if b"raise" in data:
            struct.unpack("!L", b"")


@pytest.fixture
def gate() -> Iterator[Fixture]:
    fixture = Fixture()
    fixture.gate.check_succeeded(CLIENT)
    yield fixture
    assert fixture.gate._valid == {CLIENT}, "nobody comes in by sending much"


@pytest.mark.parametrize("size", [0, MAX_DATAGRAM + 1, 60_000])
@pytest.mark.parametrize("sender", [CLIENT, STRANGER])
def test_empty_and_long_datagrams_are_dropped(gate: Fixture, size: int, sender: tuple[str, int]) -> None:
    gate.gate.receive(bytes([22]) * size, sender)
    assert not gate.taken
    assert len(gate.malformed) == 1


def test_only_the_client_is_heard(gate: Fixture) -> None:
    for data in (DTLS, rtp(), rtcp()):
        gate.gate.receive(data, STRANGER)
        gate.gate.receive(data, ("192.0.2.1", 5001))
        gate.gate.receive(data, CLIENT)
    assert gate.taken == [DTLS, rtp(), rtcp()]
    assert gate.traffic.refused["strangers"] == 6


def test_an_ipv6_sender_has_four_parts() -> None:
    fixture = Fixture()
    fixture.gate.check_succeeded(("2001:db8::1", 5000))
    fixture.gate.receive(DTLS, ("2001:db8::1", 5000, 0, 0))
    assert fixture.taken == [DTLS]


def test_before_a_pair_is_nominated_those_that_are_checked_are_heard() -> None:
    fixture = Fixture(nominated=False)
    fixture.gate.check_began(CLIENT)
    fixture.gate.receive(DTLS, STRANGER)
    fixture.gate.receive(DTLS, CLIENT)
    assert fixture.taken == [DTLS]
    fixture.nominated = True
    fixture.gate.receive(DTLS, CLIENT)
    assert fixture.taken == [DTLS], "its check never succeeded"


@pytest.mark.parametrize("first", [5, 19, 64, 127, 192, 255])
def test_what_is_neither_stun_nor_dtls_nor_srtp_is_dropped(gate: Fixture, first: int) -> None:
    gate.gate.receive(bytes([first]) * 40, CLIENT)
    assert not gate.taken


def test_packets_shorter_than_their_header_are_dropped(gate: Fixture) -> None:
    for size in range(1, 12):
        gate.gate.receive(rtp()[:size], CLIENT)
        gate.gate.receive(rtcp()[:size], CLIENT)
    assert not gate.taken


def test_sources_are_bounded_and_those_that_are_known_go_on(gate: Fixture) -> None:
    """SRTP keeps a state for each of them."""
    for source in range(300):
        gate.gate.receive(rtp(source), CLIENT)
        gate.gate.receive(rtcp(source), CLIENT)
    assert {data[8:12] for data in gate.taken if data[1] == 111} == {struct.pack("!L", n) for n in range(MAX_SOURCES)}
    gate.gate.receive(rtp(MAX_SOURCES - 1), CLIENT)
    assert gate.taken[-1] == rtp(MAX_SOURCES - 1)


def test_octets_of_reports_are_bounded(gate: Fixture) -> None:
    for _ in range(400):
        gate.gate.receive(rtcp(size=MAX_DATAGRAM), CLIENT)
    assert sum(map(len, gate.taken)) <= 128 * 1024
    gate.gate.receive(rtp(), CLIENT)
    assert gate.taken[-1] == rtp(), "media go on"


def test_a_full_queue_is_counted(gate: Fixture) -> None:
    gate.room = False
    gate.gate.receive(DTLS, CLIENT)
    assert gate.traffic.refused["queue"] == 1


def test_a_flood_is_told_once(gate: Fixture) -> None:
    for _ in range(10_000):
        gate.gate.receive(rtp(), CLIENT)
    assert gate.floods == ["packets"]
    assert len(gate.taken) == 2000
    assert gate.traffic.flooded == "packets"


def test_strangers_are_no_flood_of_the_client(gate: Fixture) -> None:
    for _ in range(50_000):
        gate.gate.receive(rtp(), STRANGER)
        gate.gate.receive(stun(), STRANGER)
    assert not gate.floods
    assert not gate.taken


def test_malformed_stun_is_counted_and_nothing_is_raised(gate: Fixture) -> None:
    bad = (b"\x00", b"\x00\x01\x00\x00", b"\x00\x01\x00\x00" + bytes(16), stun(username=b"other:"), stun(username=b""))
    for data in (*bad, stun() + b"raise"):
        gate.gate.receive(data, STRANGER)
    assert len(gate.malformed) == len(bad) + 1
    assert len(gate.stun) == 1, "all others are dropped unread"


def test_answers_to_nothing_that_was_asked_are_dropped_unread(gate: Fixture) -> None:
    gate.transactions.add(b"asked" + bytes(7))
    for kind in (0x0101, 0x0111):
        gate.gate.receive(stun(kind, b"", b"never" + bytes(7)), STRANGER)
        gate.gate.receive(stun(kind, b"", b"asked" + bytes(7)), CLIENT)
    assert [data[8:13] for data in gate.stun] == [b"asked"] * 2


def test_a_stun_flood_of_strangers_leaves_the_client_its_budget(gate: Fixture) -> None:
    for _ in range(10_000):
        gate.gate.receive(stun(), STRANGER)
    assert len(gate.stun) == STUN_BURST
    gate.gate.receive(stun(transaction=b"client" + bytes(6)), CLIENT)
    assert gate.stun[-1][8:14] == b"client"


def test_a_stun_flood_of_the_client_is_bounded_and_ends_it(gate: Fixture) -> None:
    for _ in range(10_000):
        gate.gate.receive(stun(), CLIENT)
    assert len(gate.stun) == STUN_BURST
    assert gate.floods == ["packets"]
