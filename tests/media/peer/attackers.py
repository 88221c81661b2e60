"""What attackers need: the ports of a call, sockets of strangers, and a client that sends what it likes."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from aiortc import RTCPeerConnection
from aiortc.rtcsctptransport import DataChunk, serialize_packet

from livehead.media.peer.peer import Peer
from waiting import until
from webrtc_client import Mic, client, connect, grey

Address = tuple[str, int]


def ports(answer: str) -> list[Address]:
    """The server's addresses, as everybody who sees the answer knows them."""
    found = re.findall(r"^a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", answer, re.MULTILINE | re.IGNORECASE)
    return sorted({(host, int(port)) for host, port in found if ":" not in host})


def username(answer: str) -> bytes:
    found = re.search(r"^a=ice-ufrag:(\S+)", answer, re.MULTILINE)
    assert found is not None
    return found[1].encode()


@contextlib.contextmanager
def stranger() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        yield sock


async def send(sock: socket.socket, datagrams: list[bytes], to: list[Address]) -> None:
    """To every port, in portions that the receiver's socket has room for."""
    for n, data in enumerate(datagrams):
        for address in to:
            with contextlib.suppress(BlockingIOError):
                sock.sendto(data, address)
        if n % 20 == 19:
            await asyncio.sleep(0)
    await asyncio.sleep(0.05)


def stun(*attributes: tuple[int, bytes], kind: int = 1, length: int | None = None) -> bytes:
    """A STUN message of any attributes, with their padding; ``length`` as it says of itself."""
    body = b"".join(struct.pack("!HH", name, len(value)) + value + bytes(-len(value) % 4) for name, value in attributes)
    size = len(body) if length is None else length
    return struct.pack("!HHL", kind, size, 0x2112A442) + b"transactions" + body


@contextlib.asynccontextmanager
async def call(**options: Any) -> AsyncIterator[tuple[Peer, RTCPeerConnection, str]]:
    """A peer and a client that are connected, with an open data channel; and the answer."""
    async with client() as pc, Peer(**options) as peer:
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        channel = pc.createDataChannel("livehead")
        opened = asyncio.Event()
        channel.on("open", opened.set)
        answer = await connect(peer, pc)
        await asyncio.wait_for(opened.wait(), 5)
        yield peer, pc, answer


async def goes_on(peer: Peer, pc: RTCPeerConnection) -> None:
    """Audio comes in and frames go out, from now on."""
    before = peer.last_media
    await until(lambda: peer.last_media != before, 5)
    video = pc.getReceivers()[1]
    first = 1 + peer._viewers._last_frame
    peer.send_frame(grey(80), first)
    peer.send_frame(grey(90), first + 1)
    await asyncio.wait_for(video.track.recv(), 5)
    assert not peer.closed.is_set()
    assert peer.failure is None


def sctp_packet(pc: RTCPeerConnection, *chunks: Any) -> bytes:
    """Any chunks in one packet; the library writes header and checksum around one chunk."""

    class Joined:
        def __bytes__(self) -> bytes:
            return b"".join(bytes(each) for each in chunks)

    sctp = pc.sctp
    assert sctp is not None
    return bytes(serialize_packet(sctp._local_port, sctp._remote_port, sctp._remote_verification_tag, Joined()))


def data_chunk(tsn: int, *, flags: int, stream: int = 1, size: int = 1, protocol: int = 51) -> DataChunk:
    chunk = DataChunk(flags=flags)
    chunk.tsn, chunk.stream_id, chunk.protocol = tsn % (1 << 32), stream, protocol
    chunk.user_data = b"x" * size
    return chunk


async def send_sctp(pc: RTCPeerConnection, packets: list[bytes], *, while_: Callable[[], bool] = lambda: True) -> None:
    assert pc.sctp is not None
    for packet in packets:
        if not while_():
            break
        await pc.sctp.transport._send_data(packet)
        await asyncio.sleep(0)
    await asyncio.sleep(0.1)
