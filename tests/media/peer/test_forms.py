"""Calls of every form that clients make: players, publishers, agents' clients with cameras and screens."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from aiortc import VideoStreamTrack

from livehead.media.peer.peer import Peer
from waiting import until
from webrtc_client import Mic, client, connect, grey


async def send(peer: Peer, ticks: int) -> None:
    for index in range(ticks):
        peer.send_frame(grey(60 + index), index)
        peer.send_audio(np.zeros(640, np.float32), index)
        await asyncio.sleep(0.02)


async def test_a_client_with_camera_and_screen_gets_the_portrait_and_its_video_is_not_received() -> None:
    got: list[str] = []
    async with (
        client() as pc,
        Peer(audio="optional", video="optional", voice=True, channel="chat", on_message=got.append) as peer,
    ):
        audio, video, screen = (
            pc.addTransceiver(track, direction)
            for track, direction in ((Mic(), "sendrecv"), (VideoStreamTrack(), "sendrecv"), ("video", "sendonly"))
        )
        channel = pc.createDataChannel("chat")
        back: list[str] = []
        channel.on("message", back.append)
        channel.on("open", lambda: channel.send("ping: 1"))
        await connect(peer, pc)
        assert (audio.currentDirection, video.currentDirection, screen.currentDirection) == (
            "sendrecv",
            "recvonly",
            "inactive",
        )
        await anext(peer.audio)
        await send(peer, 20)
        assert (await asyncio.wait_for(video.receiver.track.recv(), 5)).width == 64
        await asyncio.wait_for(audio.receiver.track.recv(), 5)
        await until(lambda: got == ["ping: 1"] and peer.send_text("hello"), 5)
        await until(lambda: back == ["hello"], 5)
        assert _busy(peer) == ["audio"]


def _busy(peer: Peer) -> list[str]:
    """The kinds that the server receives."""
    return [
        each.kind
        for each in peer._pc.getTransceivers()
        if getattr(each.receiver, "_RTCRtpReceiver__decoder_thread", None) or getattr(each.receiver, "_reports", None)
    ]


@pytest.mark.parametrize("camera", [False, True])
async def test_a_publisher_speaks_and_is_sent_nothing(camera: bool) -> None:
    async with client() as pc, Peer(video="optional", voice=True) as peer:
        pc.addTransceiver(Mic(), "sendonly")
        if camera:
            pc.addTransceiver(VideoStreamTrack(), "sendonly")
        await connect(peer, pc)
        for _ in range(5):
            await asyncio.wait_for(anext(peer.audio), 5)
        await send(peer, 10)
        assert not peer._viewers.encoded_frames
        assert not peer._viewers.encoded_audio
        assert _busy(peer) == ["audio"]


@pytest.mark.parametrize("lines", [["audio"], ["video"], ["audio", "video"], ["video", "audio"]])
async def test_a_player_takes_what_it_asked_for(lines: list[str]) -> None:
    async with client() as pc, Peer(audio="optional", video="optional", voice=True) as peer:
        tracks: list[Any] = [pc.addTransceiver(kind, "recvonly").receiver for kind in lines]
        await connect(peer, pc)
        sending = asyncio.create_task(send(peer, 100))
        for receiver in tracks:
            for _ in range(3):
                await asyncio.wait_for(receiver.track.recv(), 5)
        await sending
        assert bool(peer._viewers.encoded_frames) is ("video" in lines)
        assert bool(peer._viewers.encoded_audio) is ("audio" in lines)
        assert peer.last_media is None
        assert not peer.sends_audio


async def test_a_viewer_that_speaks_is_heard() -> None:
    async with client() as pc, Peer(audio="optional", video="optional") as peer:
        pc.addTransceiver("video", "recvonly")
        pc.addTransceiver(Mic(), "sendrecv")
        await connect(peer, pc)
        assert peer.sends_audio
        for _ in range(5):
            await asyncio.wait_for(anext(peer.audio), 5)


@pytest.mark.parametrize("origin", [0, 2**32 - 3600 * 12, 2**32 - 1])
async def test_the_tick_of_a_timestamp_that_was_presented(origin: int) -> None:
    """A browser reports the RTP timestamp of the frame that it presents."""
    async with client() as pc, Peer() as peer:
        assert peer.index_of(0) is None
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        receiver = pc.getReceivers()[1]
        found: list[int] = []
        original = receiver._handle_rtp_packet

        async def on_packet(packet: Any, arrival_time_ms: int) -> None:
            found.append(packet.timestamp)
            await original(packet, arrival_time_ms=arrival_time_ms)

        receiver._handle_rtp_packet = on_packet
        await pc.setLocalDescription(await pc.createOffer())
        answer = await peer.answer(pc.localDescription.sdp)
        assert peer._video_sender is not None
        peer._video_sender._origin = origin
        await pc.setRemoteDescription(type(pc.localDescription)(answer, "answer"))
        await asyncio.wait_for(peer.connected.wait(), 10)
        for index in range(500, 530):
            peer.send_frame(grey(60 + index % 100), index)
            await asyncio.sleep(0.04)
        await until(lambda: len(set(found)) >= 20, 5)
        indices = [peer.index_of(timestamp) for timestamp in sorted(set(found), key=lambda t: (t - origin) % 2**32)]
        assert None not in indices
        assert indices == list(range(indices[0], indices[0] + len(indices)))  # type: ignore[operator, arg-type]
        assert indices[-1] in range(520, 530)
        last = found[-1]
        assert peer.index_of(last + 1) is None
        assert peer.index_of((last + 3600 * 40) % 2**32) is None, "not sent yet"
        assert peer.index_of((origin + 3600 * 10) % 2**32) is None, "never sent"
    assert peer.index_of(last) is not None


async def test_ticks_beyond_32_bits_of_timestamp_are_known() -> None:
    """After 13 hours timestamps begin again."""
    first = 2**32 // 3600 - 5
    async with client() as pc, Peer() as peer:
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        await connect(peer, pc)
        for index in range(first, first + 12):
            peer.send_frame(grey(60 + index % 100), index)
            await asyncio.sleep(0.04)
        sender = peer._video_sender
        assert sender is not None
        last = first + 11
        await until(lambda: peer.index_of((sender._origin + last * 3600) % 2**32) == last, 5)
        assert peer.index_of((sender._origin + (last - 1) * 3600) % 2**32) == last - 1
