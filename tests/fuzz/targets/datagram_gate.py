"""Datagrams from anybody to a call's port, before anything else reads them."""

from __future__ import annotations

from fuzz.mutators import packet_mutator
from fuzz.target import Target
from fuzz.targets.pieces import piece, pieces
from livehead.media.peer.client_traffic import MAX_SOURCES, ClientTraffic
from livehead.media.peer.datagram_gate import MAX_DATAGRAM, STUN_BURST, STUN_HEADER, STUN_MESSAGES, DatagramGate

PACKETS = 500.0
ADDRESSES = (("192.0.2.1", 1), ("192.0.2.1", 2), ("2001:db8::1", 1, 0, 0), ("198.51.100.1", 9))
USERNAME = b"abcd:"
COOKIE = b"\x21\x12\xa4\x42"
OURS = bytes(range(12))


def run(data: bytes) -> None:
    now = 100.0
    floods: list[str] = []
    stun: list[bytes] = []
    taken: list[bytes] = []
    malformed = 0
    trusted: set[tuple[object, ...]] = set()

    def on_malformed(what: str, error: Exception | None) -> None:
        nonlocal malformed
        malformed += 1
        assert what.isprintable()

    def read_stun(message: bytes, sender: tuple[object, ...]) -> None:
        stun.append(message)
        if message[1:2] == b"\xff":
            raise ValueError("the library stumbles")

    def put(message: bytes) -> bool:
        taken.append(message)
        return len(taken) % 16 != 0

    traffic = ClientTraffic(PACKETS, floods.append, lambda: now)
    gate = DatagramGate(
        traffic,
        on_malformed,
        username=USERNAME,
        transactions={OURS},
        read_stun=read_stun,
        put=put,
        selected=lambda: bool(trusted),
        came=lambda address: None,
        clock=lambda: now,
    )
    sent = 0
    for command, number, content in pieces(data):
        address = ADDRESSES[number % len(ADDRESSES)]
        match command % 8:
            case 0:
                now += number / 1024
            case 1:
                gate.check_began(address[:2])
            case 2:
                gate.check_succeeded(address[:2])
                trusted.add(address[:2])
            case 3:
                content *= 1 + number % 16
        if command % 8 >= 3:
            before = len(taken)
            gate.receive(content, address)
            sent += 1
            assert len(taken) - before <= 1
            if len(taken) > before:
                assert 0 < len(content) <= MAX_DATAGRAM
                assert content[0] >= 4
                assert not trusted or address[:2] in trusted, "taken from a stranger"
    passed = now - 100.0
    assert len(taken) <= PACKETS * (passed + 8)
    assert len(stun) <= 2 * (STUN_BURST + STUN_MESSAGES * passed)
    assert all(len(each) >= STUN_HEADER and each[4:8] == COOKIE for each in stun)
    assert len(traffic._sources) <= MAX_SOURCES
    assert len(floods) <= 1
    assert malformed + len(stun) + len(taken) + sum(traffic.refused.values()) >= sent


_STUN = b"\x00\x01\x00\x0c" + COOKIE + bytes(12) + b"\x00\x06\x00\x09abcd:wxyz"
_DATAGRAMS = (
    piece(4, 0, _STUN),
    piece(4, 1, b"\x01\x01\x00\x00" + COOKIE + OURS),
    piece(4, 1, b"\x01\x01\x00\x00" + COOKIE + bytes(12)),
    piece(4, 0, b"\x16\xfe\xff" + bytes(40)),
    piece(4, 0, b"\x80\x6f" + bytes(6) + b"\x00\x00\x00\x07" + bytes(20)),
    piece(4, 0, b"\x80\xc8\x00\x01\x00\x00\x00\x07"),
    piece(4, 2, b""),
    piece(3, 15, bytes([0x80]) * 120),
    piece(1, 0),
    piece(2, 0),
    piece(0, 1024),
)

TARGET = Target(
    "datagram_gate",
    run,
    (b"".join(_DATAGRAMS), piece(2, 0) + _DATAGRAMS[4] * 60, piece(1, 0) + _DATAGRAMS[0] * 60 + piece(2, 0)),
    packet_mutator(*_DATAGRAMS),
    4096,
    (4000, 15.0),
    steps=400,
)
