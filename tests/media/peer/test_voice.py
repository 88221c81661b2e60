"""Audio that goes back to the client: on and off in mid-call, and the video beside it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
from aiortc import RTCPeerConnection

from livehead.media.peer.peer import Peer
from waiting import until
from webrtc_client import Mic, client, connect, grey


@contextlib.asynccontextmanager
async def calling(peer: Peer, pc: RTCPeerConnection) -> AsyncIterator[list[Any]]:
    """A call that plays 25 ticks a second; gives the packets of audio that come."""
    pc.addTrack(Mic())
    pc.addTransceiver("video", "recvonly")
    packets: list[Any] = []
    receiver = pc.getReceivers()[0]
    original = receiver._handle_rtp_packet

    async def on_packet(packet: Any, arrival_time_ms: int) -> None:
        packets.append(packet)
        await original(packet, arrival_time_ms=arrival_time_ms)

    receiver._handle_rtp_packet = on_packet

    async def play() -> None:
        start = time.monotonic()
        for index in itertools.count():
            await asyncio.sleep(max(0.0, start + index * 0.04 - time.monotonic()))
            peer.send_frame(grey(60 + index % 100), index)
            peer.send_audio(np.zeros(640, np.float32), index)

    await connect(peer, pc)
    task = asyncio.create_task(play())
    try:
        yield packets
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_without_voice_video_plays_and_nothing_is_sent_or_encoded() -> None:
    async with client() as pc, Peer(voice=False) as peer, calling(peer, pc) as packets:
        for _ in range(25):
            await asyncio.wait_for(pc.getReceivers()[1].track.recv(), 5)
        assert peer.takes_audio
        assert not peer.voice
        assert not packets
        assert not peer._viewers.encoded_audio["opus"]


async def test_voice_goes_on_and_off_in_one_call() -> None:
    async with client() as pc, Peer(voice=False) as peer, calling(peer, pc) as packets:
        for _ in range(3):
            before, at = len(packets), time.monotonic()
            peer.voice = True
            assert peer.voice
            await until(lambda: len(packets) > before + 10, 5)  # noqa: B023
            assert len(packets) - before < 15 + (time.monotonic() - at) / 0.02, "no burst of what was not sent"
            peer.voice = False
            await asyncio.sleep(0.1)
            off = len(packets)
            encoded = peer._viewers.encoded_audio["opus"]
            await asyncio.sleep(0.4)
            assert len(packets) == off
            assert peer._viewers.encoded_audio["opus"] == encoded
            assert peer._viewers._audio["opus"]._encoder is None
        pairs = list(itertools.pairwise(packets))
        assert {(b.sequence_number - a.sequence_number) & 0xFFFF for a, b in pairs} == {1}, "nothing seems lost"
        steps = [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairs]
        pauses = [step for step in steps if step != 960]
        assert len(pauses) == 2
        assert all(0.4 * 48_000 < step < 2 * 48_000 for step in pauses), "timestamps went on with media time"
        marked = [packet for packet in packets if packet.marker]
        assert marked == [packets[0]] + [b for (a, b), step in zip(pairs, steps, strict=True) if step != 960]


async def test_after_a_pause_audio_and_video_of_one_tick_have_one_time() -> None:
    async with client() as pc, Peer(voice=True) as peer, calling(peer, pc) as packets:
        await until(lambda: len(packets) > 10, 5)
        peer.voice = False
        await asyncio.sleep(0.5)
        peer.voice = True
        after = len(packets) + 4
        await until(lambda: len(packets) > after, 5)
        moment = peer._viewers.clock.now()
        assert moment is not None
        sender = peer._pc.getTransceivers()[0].sender
        sent = ((packets[-1].timestamp - sender._origin) & 0xFFFFFFFF) / 48_000
        assert -0.02 < moment[1] - sent < 0.5, "what is sent now bears the media time of now"


async def test_a_client_that_only_speaks_is_sent_nothing() -> None:
    async with client() as pc, Peer(voice=True, video="optional") as peer:
        pc.addTransceiver(Mic(), "sendonly")
        answer = await connect(peer, pc)
        assert "a=recvonly" in answer
        assert not peer.takes_audio
        assert peer.sends_audio
        peer.voice = False
        peer.voice = True
        peer.send_audio(np.zeros(640, np.float32), 0)
        await anext(peer.audio)
        assert not peer._viewers.encoded_audio


async def test_voice_may_be_set_at_any_time() -> None:
    peer = Peer()
    peer.voice = True
    assert peer.voice
    await peer.close()
    peer.voice = False
    peer.voice = True
