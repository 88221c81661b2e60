"""Bytes that no well-behaved client sends: each is refused or survived, counted, and the call goes on."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest
from aiortc import RTCPeerConnection
from aiortc.rtcsctptransport import InitChunk, SackChunk, serialize_packet

from livehead.media.peer.peer import Peer
from waiting import patient
from webrtc_client import Mic, client, connect, grey

Attack = Callable[[RTCPeerConnection], Awaitable[None]]


def _padded(body: bytes) -> bytes:
    return body + bytes(-len(body) % 4)


async def _rtcp(pc: RTCPeerConnection, packet_type: int, count: int, payload: bytes) -> None:
    payload = _padded(payload)
    header = struct.pack("!BBH", 0x80 | count, packet_type, len(payload) // 4)
    await pc.getSenders()[0].transport._send_rtp(header + payload)


async def _short_remb(pc: RTCPeerConnection) -> None:
    """It announces five sources and brings none (application layer feedback)."""
    await _rtcp(pc, 206, 15, struct.pack("!LL", 1, 0) + b"REMB" + bytes([5, 0, 0, 1]))


async def _short_sender_report(pc: RTCPeerConnection) -> None:
    await _rtcp(pc, 200, 3, bytes(8))


async def _short_source_description(pc: RTCPeerConnection) -> None:
    await _rtcp(pc, 202, 2, struct.pack("!L", 1) + bytes([1, 200]) + b"ab")


async def _malformed_header_extension(pc: RTCPeerConnection) -> None:
    """The send time takes three bytes; here are eleven."""
    sender = pc.getSenders()[0]
    for number in range(1, 15):
        block = _padded(bytes([(number << 4) | 10]) + b"\xff" * 11)
        header = struct.pack("!BBHLL", 0x90, 0x6F, number, 1, 2)
        await sender.transport._send_rtp(header + struct.pack("!HH", 0xBEDE, len(block) // 4) + block)


async def _empty_datagram(pc: RTCPeerConnection) -> None:
    _, pair = next(iter(pc.getSenders()[0].transport.transport._connection._nominated.items()))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"", pair.remote_addr)


async def _datagram_longer_than_any_packet(pc: RTCPeerConnection) -> None:
    await pc.getSenders()[0].transport.transport._send(b"\x80" + bytes(8000))


def _sctp(pc: RTCPeerConnection, *chunks: bytes, tag: int | None = None) -> bytes:
    """A packet with any bytes as its chunks; the library writes header and checksum around one chunk."""

    class Raw:
        def __bytes__(self) -> bytes:
            return b"".join(chunks)

    assert pc.sctp is not None
    known = pc.sctp._remote_verification_tag
    return serialize_packet(pc.sctp._local_port, pc.sctp._remote_port, known if tag is None else tag, Raw())


async def _parameter_of_no_length(pc: RTCPeerConnection) -> None:
    body = struct.pack("!LLHHL", 1, 131072, 1, 1, 1) + struct.pack("!HH", 0xC000, 0)
    chunk = struct.pack("!BBH", InitChunk.type, 0, len(body) + 4) + body
    await pc.sctp.transport._send_data(_sctp(pc, chunk, tag=0))


async def _two_inits(pc: RTCPeerConnection) -> None:
    init = InitChunk()
    init.initiate_tag = init.initial_tsn = 1
    init.advertised_rwnd = 131072
    init.outbound_streams = init.inbound_streams = 1
    await pc.sctp.transport._send_data(_sctp(pc, bytes(init), bytes(init), tag=0))


async def _short_acknowledgement(pc: RTCPeerConnection) -> None:
    body = struct.pack("!LLHH", 1, 131072, 9, 9)
    chunk = struct.pack("!BBH", SackChunk.type, 0, len(body) + 4) + body
    await pc.sctp.transport._send_data(_sctp(pc, chunk))


async def _short_data_chunk(pc: RTCPeerConnection) -> None:
    await pc.sctp.transport._send_data(_sctp(pc, struct.pack("!BBH", 0, 3, 6) + b"ab"))


async def _text_that_is_no_utf8(pc: RTCPeerConnection) -> None:
    assert pc.sctp is not None
    await pc.sctp._send(1, 51, b"\xff\xfe")


REFUSED_BY_THE_LIBRARY = (_short_sender_report, _short_source_description)
"""These it drops by itself, without a word."""


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "attack",
    [
        _short_remb,
        _short_sender_report,
        _short_source_description,
        _malformed_header_extension,
        _empty_datagram,
        _datagram_longer_than_any_packet,
        _parameter_of_no_length,
        _two_inits,
        _short_acknowledgement,
        _short_data_chunk,
        _text_that_is_no_utf8,
    ],
    ids=lambda attack: attack.__name__[1:].replace("_", " "),
)
async def test_malformed_bytes_do_not_end_the_call(attack: Attack) -> None:
    got: list[str] = []
    async with client() as pc, Peer(on_message=got.append) as peer:
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        channel = pc.createDataChannel("livehead")
        opened = asyncio.Event()
        channel.on("open", opened.set)
        await connect(peer, pc)
        await asyncio.wait_for(opened.wait(), 5)
        await attack(pc)
        async with patient(5):
            await until(lambda: peer.malformed > 0 or attack in REFUSED_BY_THE_LIBRARY)
            before = peer.last_received
            await until(lambda: peer.last_received != before)  # audio, behind the malformed bytes
            video = pc.getReceivers()[1]
            peer.send_frame(grey(80), 1)
            peer.send_frame(grey(90), 2)
            await video.track.recv()
        assert not peer.closed.is_set()
        assert peer.failure is None
