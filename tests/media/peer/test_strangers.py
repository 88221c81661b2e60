"""Datagrams of somebody else on a call's ports: nothing is kept, nothing is raised, and the call goes on."""

from __future__ import annotations

import asyncio
import logging
import os
import random

import aioice.ice
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from attackers import call, goes_on, ports, send, stranger, stun, username

from livehead.media.peer.datagram_gate import STUN_BURST
from livehead.media.peer.datagram_queue import MAX_DATAGRAMS, MAX_OCTETS
from livehead.media.peer.peer import Peer
from waiting import until
from webrtc_client import Mic, client


def _ice(peer: Peer) -> aioice.Connection:
    return peer._pc.getTransceivers()[0].receiver.transport.transport._connection


async def test_an_empty_datagram_of_anybody_is_dropped_before_any_queue() -> None:
    async with call() as (peer, pc, answer):
        with stranger() as sock:
            await send(sock, [b""] * 100, ports(answer))
        await until(lambda: peer.malformed >= 100)
        await goes_on(peer, pc)


@pytest.mark.parametrize("first", [22, 128, 200], ids=["DTLS", "SRTP", "neither"])
async def test_only_the_client_is_heard(first: int) -> None:
    async with call() as (peer, pc, answer):
        taken = []
        queue = _ice(peer)._queue
        original = queue.put_nowait
        queue.put_nowait = lambda item: taken.append(item[0]) or original(item)
        with stranger() as sock:
            await send(sock, [bytes([first]) + b"stranger" * 10] * 500, ports(answer))
            await until(lambda: peer.refused["strangers"] >= 400)
        await goes_on(peer, pc)
        assert taken, "the client"
        assert not any(b"stranger" in data for data in taken)


def _malformed_stun(name: bytes) -> list[bytes]:
    known = (6, name + b":xxxx")
    return [
        b"\x00",
        b"\x00\x01\x00\x00",
        stun()[:19],
        stun(known, length=4000),
        stun(known, (0x24, b"abc")),
        stun(known, (0x24, b"")),
        stun(known, (0x8029, b"short")),
        stun(known, (0x20, b"\x00\x01")),
        stun(known, (0x20, b"\x00\x01" + b"x" * 40)),
        stun(known, (0x09, b"\x00\x00\x04\x00\xff\xfe")),
        stun(known, (0x28, b"\x00\x00\x00\x00")),
        stun(known, (0x8028, b"\x00\x00\x00\x00")),
        stun(known, (6, b"\xff\xfe")),
        stun(known, kind=0x0005),
        stun(known, kind=0x3FFF),
        stun(known),
        stun(known, (8, bytes(20))),
        stun(known, (8, b"")),
        stun((6, name), (8, bytes(20))),
        stun(kind=0x0101),
        stun(kind=0x0111),
        stun(kind=0x0011),
    ]


async def test_malformed_stun_is_counted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(7)
    failures: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    async with call() as (peer, pc, answer):
        datagrams = _malformed_stun(username(answer))
        for _ in range(300):
            data = bytearray(chance.choice(datagrams) + bytes(chance.randrange(3)))
            data[chance.randrange(len(data))] = chance.randrange(256)
            data[0] &= 3
            datagrams.append(bytes(data))
        with caplog.at_level(logging.DEBUG), stranger() as sock:
            await send(sock, datagrams, ports(answer)[:1])
            await until(lambda: peer.malformed + peer.refused["stun"] >= len(datagrams) * 0.8)
        caplog.clear()
        with caplog.at_level(logging.INFO), stranger() as sock:
            await send(sock, datagrams * 5, ports(answer)[:1])
        await goes_on(peer, pc)
    assert not failures, failures[:3]
    assert "Traceback" not in caplog.text
    assert len([record for record in caplog.records if record.name.startswith("livehead")]) == 0, "once for each peer"


async def test_nobody_gets_an_answer_who_has_no_credentials() -> None:
    """It would be sent to whoever the sender's address belongs to, and be longer than what was sent."""
    async with call() as (peer, pc, answer):
        name = username(answer)
        with stranger() as sock:
            wrong = [stun((6, name + b":abcd"), (0x24, bytes(4)), (8, bytes(20))), stun((6, name + b":abcd")), stun()]
            await send(sock, wrong * 20, ports(answer))
            await until(lambda: peer.malformed >= 60)
            await asyncio.sleep(0.1)
            with pytest.raises(BlockingIOError):
                sock.recv(2000)
        await goes_on(peer, pc)


async def test_a_stun_flood_of_strangers_does_not_keep_the_client_from_its_checks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The flood bears the right user name, so each message has to be looked at within its budget."""
    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.1)
    monkeypatch.setattr(aioice.ice, "CONSENT_FAILURES", 2)
    async with call() as (peer, pc, answer):
        ice = _ice(peer)
        read: list[object] = []
        original = ice.request_received
        ice.request_received = lambda message, address, port: read.append(address) or original(message, address, port)
        flood = [stun((6, username(answer) + b":abcd"), (0x24, bytes(4)), (8, os.urandom(20)))] * 100
        with stranger() as sock:
            sock.connect(ports(answer)[0])
            mine = sock.getsockname()
            for _ in range(60):
                for data in flood:
                    sock.send(data)
                await asyncio.sleep(0.02)
        strange = read.count(mine)
        assert peer.refused["stun"] > 1000
        assert strange < STUN_BURST * 4
        assert len(read) - strange > 5, "the client's checks are read all the while"
        await goes_on(peer, pc)
        assert pc.connectionState == "connected", "and the server's are answered"


async def _offered(pc: RTCPeerConnection) -> str:
    pc.addTrack(Mic())
    pc.addTransceiver("video", "recvonly")
    await pc.setLocalDescription(await pc.createOffer())
    return str(pc.localDescription.sdp)


@pytest.mark.parametrize("size", [1200, 60_000])
async def test_what_comes_before_the_handshake_is_bounded(size: int) -> None:
    """Anybody may know the ports by then; the client itself may fill what it likes."""
    async with client() as pc, Peer() as peer:
        answer = await peer.answer(await _offered(pc))
        queue = _ice(peer)._queue
        with stranger() as sock:
            await send(sock, [b"\x16" + bytes(size - 1)] * 1000, ports(answer))
        assert len(queue) == 0
        gate = _ice(peer)._protocols[0].datagram_received.__self__
        gate.check_began(("192.0.2.1", 9))
        for _ in range(1000):
            gate.receive(b"\x16" + bytes(1199), ("192.0.2.1", 9))
        assert 0 < len(queue) <= MAX_DATAGRAMS
        assert MAX_OCTETS - 1200 < queue.octets <= MAX_OCTETS
        assert peer.refused["queue"] + peer.refused["packets"] == 1000 - len(queue)


async def test_a_client_connects_under_fire() -> None:
    async with client() as pc, Peer() as peer:
        answer = await peer.answer(await _offered(pc))
        fire = [b"", b"\x16" + bytes(100), b"\x80" * 200, stun(), stun((6, b"nobody:x"))] * 40

        async def shoot() -> None:
            with stranger() as sock:
                while True:
                    await send(sock, fire, ports(answer))

        shooting = asyncio.create_task(shoot())
        try:
            await pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            await asyncio.wait_for(peer.connected.wait(), 10)
            assert peer.heard.is_set()
            await goes_on(peer, pc)
        finally:
            shooting.cancel()
            await asyncio.wait([shooting])
        assert peer.refused["strangers"] > 0
