"""A client that sends far too much: what is too much is not read, its call ends, and other calls go on."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import Awaitable, Callable

import pytest
from aiortc import RTCPeerConnection
from aiortc.rtcdtlstransport import RTCDtlsTransport
from attackers import call, data_chunk, goes_on, sctp_packet, send_sctp

from livehead.media.peer.client_traffic import MAX_SOURCES
from livehead.media.peer.peer import Peer
from waiting import until

Flood = Callable[[RTCPeerConnection, int], Awaitable[None]]
"""Sends one portion, the n-th."""


def _dtls(pc: RTCPeerConnection) -> RTCDtlsTransport:
    transport: RTCDtlsTransport = pc.getSenders()[0].transport
    return transport


def _rtp(n: int, source: int = 7) -> bytes:
    return struct.pack("!BBHLL", 0x80, 96, n % 65536, n * 960 % (1 << 32), source) + bytes(60)


def _nacks(pc: RTCPeerConnection, count: int) -> bytes:
    """One report that asks for 17 packets in each of its items."""
    items = b"".join(struct.pack("!HH", n * 17 % 65536, 0xFFFF) for n in range(count))
    video = pc.getReceivers()[1]
    source = next(iter(video._RTCRtpReceiver__active_ssrc), 1)
    return struct.pack("!BBHLL", 0x81, 205, 2 + count, 1, source) + items


async def _rtp_flood(pc: RTCPeerConnection, n: int) -> None:
    for each in range(40):
        await _dtls(pc)._send_rtp(_rtp(40 * n + each))
        await asyncio.sleep(0)


async def _report_flood(pc: RTCPeerConnection, n: int) -> None:
    for _ in range(20):
        await _dtls(pc)._send_rtp(_nacks(pc, 330))
        await asyncio.sleep(0)


async def _text_flood(pc: RTCPeerConnection, n: int) -> None:
    channel = next(each for each in pc.sctp._data_channels.values() if each.label == "livehead")
    for _ in range(4):
        channel.send("{}")


async def _chunk_flood(pc: RTCPeerConnection, n: int) -> None:
    """Heartbeats, each of which is to be answered."""
    heartbeat = struct.pack("!BBHHHL", 4, 0, 12, 1, 8, 0)
    for _ in range(4):
        await pc.sctp.transport._send_data(sctp_packet(pc, *[heartbeat] * 60))
        await asyncio.sleep(0)


async def _record_flood(pc: RTCPeerConnection, n: int) -> None:
    for _ in range(40):
        await _dtls(pc).transport._send(b"\x17\xfe\xfd" + bytes(60))
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    "flood",
    [
        _rtp_flood,
        _chunk_flood,
        _record_flood,
        *(pytest.param(flood, marks=pytest.mark.soak) for flood in (_report_flood, _text_flood)),
    ],
    ids=lambda each: each.__name__[1:],
)
async def test_a_flood_ends_its_own_call_and_no_other(flood: Flood) -> None:
    got: list[str] = []
    async with call() as (other, other_pc, _), call(on_message=got.append) as (peer, pc, _):

        async def attack() -> None:
            n = 0
            with contextlib.suppress(ConnectionError):  # the end of the call
                while not peer.flooded:
                    await flood(pc, n)
                    n += 1
                    await asyncio.sleep(0.001)

        async with asyncio.timeout(30):
            attacking = asyncio.create_task(attack())
            await goes_on(other, other_pc)
            await attacking
        await until(peer.closed.is_set)
        assert peer.flooded
        assert (peer.failure or "").startswith("flood")
        assert sum(peer.refused.values()) > 0
        assert len(got) < 400
        await goes_on(other, other_pc)
        assert other._ingest.broken == 0
        assert not other.flooded


async def test_a_little_too_much_is_dropped_and_the_call_goes_on() -> None:
    got: list[str] = []
    async with call(on_message=got.append) as (peer, pc, _):
        channel = next(each for each in pc.sctp._data_channels.values() if each.label == "livehead")
        for n in range(100):
            channel.send(str(n))
        await until(lambda: peer.refused["texts"] > 0)
        assert got[:80] == [str(n) for n in range(80)]
        await goes_on(peer, pc)


async def test_a_small_budget_is_kept() -> None:
    """The budget is a setting."""
    async with call(packets_per_second=60) as (peer, pc, _):
        for n in range(10):
            await _rtp_flood(pc, n)
            await asyncio.sleep(0.01)
        await until(lambda: peer.refused["packets"] > 50)
        assert not peer.flooded


async def test_sources_are_bounded() -> None:
    async with call() as (peer, pc, _):
        await goes_on(peer, pc)
        before = len(_dtls(peer._pc)._rtp_router.ssrc_table)
        for source in range(300):
            await _dtls(pc)._send_rtp(_rtp(source, source + 1))
        await until(lambda: peer.refused["packets"] > 200)
        assert len(_dtls(peer._pc)._rtp_router.ssrc_table) <= before + MAX_SOURCES
        await goes_on(peer, pc)


def _open(peer: Peer) -> int:
    return sum(channel.readyState == "open" for channel in peer._pc.sctp._data_channels.values())


async def test_a_client_may_open_few_data_channels() -> None:
    async with call() as (peer, pc, _):
        opened = [pc.createDataChannel(f"number {n}") for n in range(12)]
        await until(lambda: sum(each.readyState == "closed" for each in opened) == 9)
        assert _open(peer) == 4
        await goes_on(peer, pc)


async def test_streams_are_bounded() -> None:
    async with call() as (peer, pc, _):
        first = pc.sctp._local_tsn
        packets = [sctp_packet(pc, data_chunk(first + n, flags=3, stream=100 + n)) for n in range(100)]
        await send_sctp(pc, packets)
        await until(lambda: peer.refused["chunks"] > 0)
        assert len(peer._pc.sctp._inbound_streams) <= 16


@pytest.mark.parametrize("flags", [2, 0, 6, 4], ids=["first", "middle", "unordered first", "unordered middle"])
async def test_a_message_that_never_ends_is_bounded(flags: int) -> None:
    async with call() as (peer, pc, _):
        sctp = peer._pc.sctp
        first = pc.sctp._local_tsn
        packets = [
            sctp_packet(pc, data_chunk(first + n, flags=flags if n else flags | 2, size=1100)) for n in range(700)
        ]
        began = time.monotonic()
        for at in range(0, len(packets), 100):
            await send_sctp(pc, packets[at : at + 100])
            if peer.closed.is_set() or time.monotonic() - began > 20:
                break
        kept = [chunk for stream in sctp._inbound_streams.values() for chunk in stream.reassembly]
        assert len(kept) <= 512
        assert sum(len(chunk.user_data) for chunk in kept) <= 1 << 20


async def test_chunks_with_gaps_are_bounded() -> None:
    async with call() as (peer, pc, _):
        sctp = peer._pc.sctp
        first = pc.sctp._local_tsn
        packets = [
            sctp_packet(pc, *(data_chunk(first + 2 * (20 * n + each) + 1, flags=7, stream=2) for each in range(20)))
            for n in range(40)
        ]
        await send_sctp(pc, packets)
        assert 0 < len(sctp._sack_misordered) <= 512


async def test_skipping_streams_makes_none() -> None:
    async with call() as (peer, pc, _):
        sctp = peer._pc.sctp
        body = struct.pack("!L", pc.sctp._local_tsn) + b"".join(struct.pack("!HH", n, 1) for n in range(200))
        await send_sctp(pc, [sctp_packet(pc, struct.pack("!BBH", 192, 0, len(body) + 4) + body)])
        assert len(sctp._inbound_streams) <= 2
        await goes_on(peer, pc)


async def test_an_acknowledgement_of_everything_is_refused() -> None:
    async with call() as (peer, pc, _):
        body = struct.pack("!LLHH", pc.sctp._last_received_tsn, 1 << 20, 280, 0) + struct.pack("!HH", 0, 65535) * 280
        await send_sctp(pc, [sctp_packet(pc, struct.pack("!BBH", 3, 0, len(body) + 4) + body)])
        await until(lambda: peer.malformed == 1)
        await goes_on(peer, pc)
