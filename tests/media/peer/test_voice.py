"""Audio that goes back to the client: on and off in mid-call, and the video beside it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from aiortc import RTCPeerConnection

from livehead.media.audio.decoder import G711Decoder, OpusDecoder
from livehead.media.audio.encoder import SILENCE, G711Encoder, OpusEncoder
from livehead.media.audio.track import FADE_PACKETS
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
            before = len(packets)
            peer.voice = False
            await asyncio.sleep(0.3)
            off = len(packets)
            assert off - before <= FADE_PACKETS + 2
            assert {bytes(each.payload) for each in packets[off - FADE_PACKETS : off]} == {SILENCE["opus"]}
            encoded = peer._viewers.encoded_audio["opus"]
            await asyncio.sleep(0.3)
            assert len(packets) == off
            assert peer._viewers.encoded_audio["opus"] == encoded
            assert peer._viewers._audio["opus"]._encoder is None
        pairs = list(itertools.pairwise(packets))
        assert {(b.sequence_number - a.sequence_number) & 0xFFFF for a, b in pairs} == {1}, "nothing seems lost"
        steps = [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairs]
        pauses = [step for step in steps if step != 960]
        assert len(pauses) == 2
        assert all(0.3 * 48_000 < step < 2 * 48_000 for step in pauses), "timestamps went on with media time"
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


async def test_voice_that_goes_off_and_on_at_once_keeps_its_time() -> None:
    async with client() as pc, Peer(voice=True) as peer, calling(peer, pc) as packets:
        await until(lambda: len(packets) > 5, 5)
        for n in range(20):
            peer.voice = False
            await asyncio.sleep(0.007 * n)
            peer.voice = True
            await asyncio.sleep(0.05)
        pairs = list(itertools.pairwise(packets))
        assert {(b.sequence_number - a.sequence_number) & 0xFFFF for a, b in pairs} == {1}
        steps = {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairs}
        assert min(steps) == 960, "no time is sent twice"
        assert max(steps) < 48_000


@pytest.mark.parametrize("codec", ["opus", "pcmu", "pcma"])
def test_a_silent_packet_is_silent_after_a_voice(codec: str) -> None:
    encoder: Any = OpusEncoder() if codec == "opus" else G711Encoder(codec)
    decoder: Any = OpusDecoder() if codec == "opus" else G711Decoder(codec)
    at = np.arange(640 * 10) / 16_000
    voice = sum(0.1 * np.sin(2 * np.pi * 150 * n * at) for n in range(1, 5))
    loud = np.concatenate([decoder.decode(each) for each in encoder.encode(np.asarray(voice, np.float32))])
    silent = [decoder.decode(SILENCE[codec]) for _ in range(FADE_PACKETS)]
    assert np.sqrt(np.mean(loud**2)) > 0.1
    assert [len(each) for each in silent] == [round(encoder.rate * 0.02)] * FADE_PACKETS
    assert np.sqrt(np.mean(silent[-1] ** 2)) < 1e-3
