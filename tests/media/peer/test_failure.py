"""Parts of a call that fail while it runs: one bad frame is skipped; what cannot go on ends the peer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aiortc import RTCPeerConnection

from livehead.media.audio import encoding as audio_module
from livehead.media.peer.peer import Peer
from livehead.media.video.encoder import VideoEncoder
from livehead.media.video.encoding import VideoEncoding
from webrtc_client import Mic, client, connect, grey


class Failing:
    """Calls ``original``, but raises where ``fails`` says so of the number of the call, from 0."""

    def __init__(self, original: Callable[..., Any], fails: Callable[[int], bool]) -> None:
        self.original, self.fails, self.calls = original, fails, 0

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.calls += 1
        if self.fails(self.calls - 1):
            raise RuntimeError("on purpose")
        return self.original(*args, **options)


async def feed(peer: Peer, ticks: int, *, until: Callable[[], bool] = lambda: False) -> None:
    for n in range(ticks):
        if until():
            break
        peer.send_frame(grey(60 + n % 100), n)
        peer.send_audio(np.zeros(640, np.float32), n)
        await asyncio.sleep(0.02)


async def call(pc: RTCPeerConnection, peer: Peer) -> None:
    pc.addTrack(Mic())
    pc.addTransceiver("video", "recvonly")
    await connect(peer, pc)


@pytest.mark.parametrize("part", ["encoder", "packetiser"])
async def test_a_frame_that_cannot_be_encoded_is_skipped_and_the_next_is_a_keyframe(
    part: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    owner: Any = VideoEncoder if part == "encoder" else VideoEncoding
    name = "encode" if part == "encoder" else "_packetise"
    failing = Failing(getattr(owner, name), lambda n: n in (5, 7))
    monkeypatch.setattr(owner, name, lambda *args, **options: failing(*args, **options))
    async with client() as pc, Peer(voice=True) as peer:
        with caplog.at_level(logging.WARNING, "livehead"):
            await call(pc, peer)
            encoding = peer._viewers._video["h264"]
            await feed(peer, 30, until=lambda: failing.calls >= 12)
        assert encoding.failed == 2
        assert peer._video_track.keyframes == 3
        assert peer.failure is None
        assert not peer.closed.is_set()
        assert caplog.text.count("RuntimeError: on purpose") == 1, "logged once, not for every frame"


async def test_an_encoder_that_never_works_again_ends_the_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    failing = Failing(VideoEncoder.encode, lambda n: n >= 3)
    monkeypatch.setattr(VideoEncoder, "encode", lambda *args, **options: failing(*args, **options))
    async with client() as pc, Peer(voice=True) as peer:
        await call(pc, peer)
        await feed(peer, 200, until=peer.closed.is_set)
        await asyncio.wait_for(peer.closed.wait(), 5)
        assert "on purpose" in (peer.failure or "")
        assert peer._viewers._video["h264"].failed > 1


@pytest.mark.parametrize(
    ("fails", "ends"), [(lambda n: n == 3, False), (lambda n: n >= 3, True)], ids=["once", "always"]
)
async def test_audio_that_cannot_be_encoded(
    fails: Callable[[int], bool], ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = audio_module.audio_encoder
    calls = Failing(lambda encoder, pcm: encoder.encode(pcm), fails)

    class Encoder:
        def __init__(self, codec: Any) -> None:
            self._encoder = make(codec)
            self.rate = self._encoder.rate

        def encode(self, pcm: Any) -> Any:
            return calls(self._encoder, pcm)

    monkeypatch.setattr(audio_module, "audio_encoder", Encoder)
    async with client() as pc, Peer(voice=True) as peer:
        await call(pc, peer)
        await feed(peer, 200, until=lambda: peer.closed.is_set() or (not ends and calls.calls > 20))
        if ends:
            await asyncio.wait_for(peer.closed.wait(), 5)
        assert (peer.failure is not None) is ends
        assert peer.closed.is_set() is ends


@pytest.mark.parametrize("index", [0, 1], ids=["audio", "video"])
async def test_a_transport_that_raises_something_unexpected_ends_the_peer(
    index: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(data: bytes) -> None:
        raise RuntimeError("on purpose")

    async with client() as pc, Peer(voice=True) as peer:
        await call(pc, peer)
        with caplog.at_level(logging.ERROR, "livehead"):
            await feed(peer, 5)
            monkeypatch.setattr(peer._pc.getTransceivers()[index].sender.transport, "_send_rtp", broken)
            await feed(peer, 200, until=peer.closed.is_set)
            await asyncio.wait_for(peer.closed.wait(), 5)
        assert "on purpose" in (peer.failure or "")
        assert "on purpose" in caplog.text


async def test_a_listener_that_fails_ends_the_peer() -> None:
    def on_sent(index: int) -> None:
        raise RuntimeError("on purpose")

    async with client() as pc, Peer(on_sent=on_sent) as peer:
        await call(pc, peer)
        await feed(peer, 50, until=peer.closed.is_set)
        await asyncio.wait_for(peer.closed.wait(), 5)
        assert "on purpose" in (peer.failure or "")


async def test_a_call_that_ends_by_itself_is_no_failure() -> None:
    async with Peer(voice=True) as peer:
        async with client() as pc:
            await call(pc, peer)
            await feed(peer, 5)
        await asyncio.wait_for(peer.closed.wait(), 5)
    assert peer.failure is None
    assert peer.close_failures == 0
