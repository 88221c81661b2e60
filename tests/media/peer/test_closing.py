"""Closing a peer whose parts fail: it never raises, tries every step, and ``closed`` is set."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import pytest
from aiortc import RTCPeerConnection

from livehead.media.peer import closing as module
from livehead.media.peer.peer import Peer
from webrtc_client import Mic, client, connect


async def fail(*_: Any) -> None:
    raise RuntimeError("on purpose")


async def cancelled_inside(*_: Any) -> None:
    raise asyncio.CancelledError


async def hang(*_: Any) -> None:
    await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def connected_peer(pc: RTCPeerConnection) -> Any:
    pc.addTrack(Mic())
    pc.addTransceiver("video", "recvonly")
    pc.createDataChannel("livehead")
    peer = Peer(voice=True)
    await connect(peer, pc)
    yield peer


def parts(peer: Peer) -> dict[str, tuple[object, str]]:
    """What may fail, by name: an object and its method."""
    pc = peer._pc
    audio, video = pc.getTransceivers()
    dtls = audio.receiver.transport
    return {
        "connection": (pc, "close"),
        "video sender": (video.sender, "stop"),
        "audio sender": (audio.sender, "stop"),
        "receiver": (audio.receiver, "stop"),
        "data channels": (pc.sctp, "stop"),
        "DTLS": (dtls, "stop"),
        "ICE": (dtls.transport, "stop"),
    }


@pytest.mark.parametrize("failure", [fail, cancelled_inside], ids=["an error", "a cancelled part"])
@pytest.mark.parametrize(
    "part", ["connection", "video sender", "audio sender", "receiver", "data channels", "DTLS", "ICE"]
)
async def test_whatever_fails_the_rest_is_closed(
    part: str, failure: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with client() as pc, connected_peer(pc) as peer:
        found = parts(peer)
        senders = [peer._pc.getTransceivers()[n].sender for n in (0, 1)]
        dtls = senders[0].transport
        monkeypatch.setattr(*found[part], failure)
        with caplog.at_level(logging.WARNING, "livehead"):
            await asyncio.wait_for(peer.close(), 5)
        monkeypatch.undo()
        assert peer.closed.is_set()
        assert peer.close_failures >= 1
        assert "could not be closed" in caplog.text
        async with asyncio.timeout(1):
            async for _ in peer.audio:
                pass
        assert dtls.transport.state == "closed" or part == "ICE"
        assert dtls._task is None or part == "DTLS"
        if part != "ICE":
            assert not dtls.transport._connection._nominated
        await peer.close()
        await asyncio.gather(*(sender.stop() for sender in senders))
        await dtls.stop()
        await dtls.transport.stop()


async def test_a_close_that_hangs_is_bounded_and_its_rest_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLOSE_TIMEOUT", 0.2)
    async with client() as pc, connected_peer(pc) as peer:
        dtls = peer._pc.getTransceivers()[0].receiver.transport
        monkeypatch.setattr(peer._pc, "close", hang)
        await asyncio.wait_for(peer.close(), 5)
        assert peer.closed.is_set()
        assert dtls.transport.state == "closed"


async def test_who_closes_may_be_cancelled_and_the_closing_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async with client() as pc, connected_peer(pc) as peer:
        closing = asyncio.create_task(peer.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await asyncio.wait_for(peer.closed.wait(), 5)


async def test_a_report_task_that_died_does_not_fail_the_close(monkeypatch: pytest.MonkeyPatch) -> None:
    async with client() as pc, connected_peer(pc) as peer:
        receiver = peer._pc.getTransceivers()[0].receiver
        monkeypatch.setattr(receiver, "_info", lambda *_: 1 / 0)
        await asyncio.wait_for(peer.closed.wait(), 5)
        assert "ZeroDivisionError" in (peer.failure or "")
        await peer.close()
