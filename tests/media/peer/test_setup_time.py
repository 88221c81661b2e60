"""A client has so long to connect, whatever part of it it draws out; and one handshake."""

from __future__ import annotations

import asyncio
import contextlib
import gc

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from attackers import goes_on
from OpenSSL import SSL

from livehead.media.peer.peer import Peer
from waiting import until
from webrtc_client import Mic, client


async def _offer(pc: RTCPeerConnection) -> str:
    pc.addTrack(Mic())
    pc.addTransceiver("video", "recvonly")
    await pc.setLocalDescription(await pc.createOffer())
    return str(pc.localDescription.sdp)


@pytest.mark.parametrize("role", ["active", "passive"])
@pytest.mark.parametrize("share", [0.0, 0.5], ids=["nothing", "half of a message"])
async def test_a_handshake_that_does_not_come_to_an_end_is_given_up(
    role: str, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client's connectivity checks succeed; then it sends nothing, or half of its first message."""
    async with client() as pc, Peer(setup_seconds=1.0) as peer:
        answer = await peer.answer((await _offer(pc)).replace("setup:actpass", f"setup:{role}"))
        dtls = pc.getSenders()[0].transport
        write = dtls._write_ssl

        async def half() -> None:
            data = dtls._ssl.bio_read(1500) if share else b""
            for _ in range(3):
                if data:
                    await dtls.transport._send(data[: int(len(data) * share)])

        monkeypatch.setattr(dtls, "_write_ssl", half)
        await pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await asyncio.wait_for(peer.heard.wait(), 5)
        assert not peer.closed.is_set()
        await asyncio.wait_for(peer.closed.wait(), 5)
        assert not peer.connected.is_set()
        assert peer.failure is None
        assert peer.close_failures == 0
        dtls._write_ssl = write


async def test_who_was_never_heard_is_told_from_who_was() -> None:
    async with client() as pc, Peer(setup_seconds=0.3) as peer:
        await peer.answer(await _offer(pc))
        await asyncio.wait_for(peer.closed.wait(), 5)
        assert not peer.heard.is_set()


async def test_there_is_one_handshake() -> None:
    """Each costs what the first did, and a client that is the DTLS server may ask for one again and again."""
    failures: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    async with client() as pc, Peer() as peer:
        pc.createDataChannel("livehead")
        answer = await peer.answer((await _offer(pc)).replace("setup:actpass", "setup:passive"))
        await pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await until(lambda: peer.send_text("hello"))
        mine, theirs = (each.getTransceivers()[0].receiver.transport for each in (pc, peer._pc))
        for _ in range(20):
            mine._ssl.renegotiate()
            with contextlib.suppress(SSL.Error):
                mine._ssl.do_handshake()
            await mine._write_ssl()
            await asyncio.sleep(0.01)
        assert theirs._ssl.total_renegotiations() == 0
        for n in range(5):
            peer.send_text(str(n))
        await goes_on(peer, pc)
        await asyncio.sleep(0.1)
        gc.collect()
        assert not failures, failures[0]

        async def broken(data: bytes) -> None:
            raise ConnectionError  # this side cannot encrypt any more either

        mine._send_data = broken
