"""Several peers that watch one session: encoded once, and none in another's way."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from aiortc import RTCPeerConnection
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RTCP_PSFB_PLI, RtcpPsfbPacket

from livehead.core.frame import Frame
from livehead.media.peer.peer import Peer
from livehead.media.peer.viewers import Viewers
from livehead.media.rtp.rate_control import FLOOR
from livehead.media.video.encoder import X264_BUFFER, VideoEncoder
from livehead.media.video.keyframe_requests import OWN_BURST
from livehead.media.video.narrow_line import QUEUED_S
from waiting import until
from webrtc_client import client, connect

SIZE, LARGE = 128, 320
NOISE = np.random.default_rng(3).integers(60, 180, (10, LARGE * 3 // 2, LARGE), np.uint8)


def costly(index: int) -> Frame:
    """Takes all bits there are."""
    return Frame(NOISE[index % len(NOISE)])


def still(index: int) -> Frame:
    """Cheap to code; its luma is the index."""
    return Frame(np.full((SIZE * 3 // 2, SIZE), 20 + index % 200, np.uint8))


@dataclass
class Watching:
    """One viewer: ``frames`` it decoded, ``packets`` of video as (timestamp, first octets)."""

    peer: Peer
    pc: RTCPeerConnection
    frames: list[int] = field(default_factory=list)
    audio: list[Any] = field(default_factory=list)
    timestamps: list[int] = field(default_factory=list)

    @property
    def sender(self) -> Any:
        return self.peer._video_sender


def only_vp8(sdp: str) -> str:
    return sdp.replace(" H264/90000", " X264/90000")


@contextlib.asynccontextmanager
async def watching(
    viewers: Viewers, *, change: Callable[[str], str] = lambda sdp: sdp, voice: bool = True
) -> AsyncIterator[Watching]:
    """A viewer by itself, as WHEP players are: it sends nothing."""
    async with client() as pc, Peer(viewers=viewers, audio="optional", voice=voice) as peer:
        audio = pc.addTransceiver("audio", "recvonly").receiver
        video = pc.addTransceiver("video", "recvonly").receiver
        found = Watching(peer, pc)
        for receiver, packets in ((video, found.timestamps), (audio, found.audio)):
            _spy(receiver, packets, whole=receiver is audio)
        task: asyncio.Task[None] | None = None
        try:
            await connect(peer, pc, change)
            task = asyncio.create_task(_decode(video.track, found.frames))
            yield found
        finally:
            if task is not None:
                task.cancel()
                await asyncio.wait([task])


def _spy(receiver: Any, packets: list[Any], *, whole: bool) -> None:
    original = receiver._handle_rtp_packet

    async def on_packet(packet: Any, arrival_time_ms: int) -> None:
        packets.append(packet if whole else packet.timestamp)
        await original(packet, arrival_time_ms=arrival_time_ms)

    receiver._handle_rtp_packet = on_packet


async def _decode(track: Any, frames: list[int]) -> None:
    with contextlib.suppress(MediaStreamError):
        while True:
            got = await track.recv()
            frames.append(int(got.to_ndarray(format="yuv420p")[0, 0]))


@contextlib.asynccontextmanager
async def playing(viewers: Viewers, picture: Callable[[int], Frame] = still) -> AsyncIterator[list[int]]:
    """25 ticks a second; the list has the index of each that was sent."""
    ticks: list[int] = []

    async def play() -> None:
        start = time.monotonic()
        for index in itertools.count():
            await asyncio.sleep(max(0.0, start + index * 0.04 - time.monotonic()))
            viewers.send_frame(picture(index), index)
            viewers.send_audio(np.zeros(640, np.float32), index)
            ticks.append(index)

    task = asyncio.create_task(play())
    try:
        yield ticks
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_eight_viewers_are_encoded_for_once() -> None:
    sent: list[int] = []
    viewers = Viewers(on_sent=sent.append)
    async with contextlib.AsyncExitStack() as stack:
        seen = [await stack.enter_async_context(watching(viewers)) for _ in range(8)]
        assert len(viewers) == 8
        ticks = await stack.enter_async_context(playing(viewers))
        await until(lambda: all(len(each.frames) >= 40 and len(each.audio) >= 80 for each in seen), 20)
        assert set(viewers.encoded_frames) == {"h264"}
        assert set(viewers.encoded_audio) == {"opus"}
        assert 40 <= viewers.encoded_frames["h264"] <= len(ticks)
        assert 40 <= viewers.encoded_audio["opus"] <= len(ticks)
        assert viewers._video["h264"].keyframes <= 5, "one to begin with, and where the encoder sees a cut"
        assert len(sent) == len(set(sent)), "every index once"
        assert sent == sorted(sent)
        assert len({each.sender._ssrc for each in seen}) == 8
        assert len({each.sender._origin for each in seen}) == 8
        assert viewers.dropped <= 2
    assert len(viewers) == 0
    assert viewers._video["h264"]._task is None
    assert viewers._video["h264"].encoder is None


async def test_nothing_is_encoded_for_nobody() -> None:
    viewers = Viewers()
    async with playing(viewers) as ticks:
        await until(lambda: len(ticks) > 5, 5)
        assert not viewers.encoded_frames
        async with watching(viewers, voice=False) as one:
            await until(lambda: len(one.frames) > 5, 5)
            assert viewers.encoded_audio["opus"] == 0
        after, now = viewers.encoded_frames["h264"], len(ticks)
        await until(lambda: len(ticks) > now + 5, 5)
        assert viewers.encoded_frames["h264"] == after


async def test_a_late_viewer_begins_with_a_keyframe_and_the_others_do_not_notice() -> None:
    viewers = Viewers()
    async with watching(viewers) as first, playing(viewers):
        await until(lambda: len(first.frames) > 20, 10)
        encoding = viewers._video["h264"]
        keyframes, bitrate = encoding.keyframes, encoding.bitrate
        async with watching(viewers) as late, watching(viewers) as later:
            await until(lambda: len(late.frames) > 10 and len(later.frames) > 10, 10)
            assert keyframes + 1 <= encoding.keyframes <= keyframes + 2, "one each at most"
            assert late.peer._video_track.keyframes <= 2
            assert encoding.bitrate is not None
            assert bitrate is not None
            assert encoding.bitrate >= bitrate, "it begins with the rate of the others"
        await until(lambda: len(first.frames) > 60, 10)
        steps = [b - a for a, b in itertools.pairwise(sorted(set(first.timestamps)))]
        assert sum(step != 3600 for step in steps) <= 2, "hardly a tick is missing, and that for want of a processor"
        assert first.peer.dropped <= 2


async def test_two_codecs_are_two_encodings() -> None:
    viewers = Viewers()
    async with watching(viewers) as one, watching(viewers, change=only_vp8) as two, playing(viewers) as ticks:
        await until(lambda: len(one.frames) > 20 and len(two.frames) > 20, 10)
        assert set(viewers.encoded_frames) == {"h264", "vp8"}
        assert max(viewers.encoded_frames.values()) <= len(ticks)
        assert viewers.encoded_audio["opus"] <= len(ticks)


async def test_a_viewer_that_vanishes_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livehead.media.peer.closing.CLOSE_TIMEOUT", 0.3)
    viewers = Viewers()
    async with watching(viewers) as stays, playing(viewers):
        async with watching(viewers) as gone:
            await until(lambda: len(gone.frames) > 5, 10)

            async def hang(data: bytes) -> None:
                await asyncio.Event().wait()

            gone.sender.transport._send_rtp = hang
            before = len(stays.frames)
            await until(lambda: len(stays.frames) > before + 25, 10)
            assert len(gone.peer._video_track._queue) <= 3
            assert gone.peer.dropped > 0
            assert not gone.peer._video_track.requests.wanted, "a socket that is stuck asks for nothing"
            assert stays.peer.dropped == 0
        before = len(stays.frames)
        await until(lambda: len(stays.frames) > before + 5, 10)
        assert stays.peer.failure is None


async def test_a_viewer_whose_socket_comes_back_goes_on_with_a_keyframe() -> None:
    viewers = Viewers()
    async with watching(viewers) as one, watching(viewers) as other, playing(viewers):
        await until(lambda: len(one.frames) > 25 and len(other.frames) > 25, 10)
        stuck = asyncio.Event()
        send, track = one.sender.transport._send_rtp, one.peer._video_track

        async def wait_and_send(data: bytes) -> None:
            await stuck.wait()
            await send(data)

        one.sender.transport._send_rtp = wait_and_send
        await until(lambda: track.dropped > 0, 5)
        keyframes, frames = track.keyframes, len(one.frames)
        stuck.set()
        await until(lambda: len(one.frames) > frames + 10, 10)
        assert track.keyframes > keyframes
        assert other.peer.dropped == 0


async def test_a_viewer_that_fails_ends_alone(caplog: pytest.LogCaptureFixture) -> None:
    viewers = Viewers()
    async with watching(viewers) as stays, watching(viewers) as fails, playing(viewers):
        await until(lambda: len(stays.frames) > 5 and len(fails.frames) > 5, 10)

        async def broken(data: bytes) -> None:
            raise RuntimeError("on purpose")

        fails.sender.transport._send_rtp = broken
        await asyncio.wait_for(fails.peer.closed.wait(), 5)
        assert "on purpose" in (fails.peer.failure or "")
        assert len(viewers) == 1
        before = len(stays.frames)
        await until(lambda: len(stays.frames) > before + 10, 10)
        assert stays.peer.failure is None


async def test_an_encoder_that_never_works_again_ends_all_and_the_next_viewer_is_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewers = Viewers()
    async with playing(viewers):
        async with watching(viewers) as one, watching(viewers) as two:
            await until(lambda: len(one.frames) > 3 and len(two.frames) > 3, 10)
            with monkeypatch.context() as patch:
                patch.setattr(VideoEncoder, "encode", lambda *_, **options: 1 / 0)
                for each in (one, two):
                    await asyncio.wait_for(each.peer.closed.wait(), 10)
                    assert "ZeroDivisionError" in (each.peer.failure or "")
        async with watching(viewers) as three:
            await until(lambda: len(three.frames) > 3, 10)


async def test_requests_of_one_viewer_do_not_make_every_frame_a_keyframe() -> None:
    viewers = Viewers()
    async with watching(viewers) as bad, watching(viewers) as good, playing(viewers, costly):
        await until(lambda: len(bad.frames) > 5 and len(good.frames) > 5, 10)
        encoding = viewers._video["h264"]
        keyframes, encoded = encoding.keyframes, encoding.encoded
        sender, request = bad.sender, RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=bad.sender._ssrc)
        while encoding.encoded < encoded + 75:
            await sender._handle_rtcp_packet(request)
            await asyncio.sleep(0.02)
        assert 1 <= encoding.keyframes - keyframes <= OWN_BURST + 1


async def test_a_bad_line_does_not_ruin_the_picture_of_the_others_and_is_spared() -> None:
    viewers = Viewers()
    async with watching(viewers) as bad, watching(viewers) as one, watching(viewers) as two, playing(viewers, costly):
        await until(lambda: all(len(each.frames) > 10 for each in (bad, one, two)), 10)
        encoding = viewers._video["h264"]
        policy = bad.peer._video_track.policy
        assert policy is not None
        policy.ceiling = policy.bitrate = policy._limit = FLOOR
        policy.full_at = time.monotonic()
        keyframes, octets, at = bad.peer._video_track.keyframes, bad.sender.octets, time.monotonic()
        count, alike = encoding.encoded, two.sender.octets
        await until(lambda: encoding.encoded > count + 125, 20)
        assert encoding.bitrate is not None
        assert encoding.bitrate > 2 * FLOOR
        spent, seconds = bad.sender.octets - octets, time.monotonic() - at
        keyframe = 1_000_000 / 8 * X264_BUFFER
        assert spent <= FLOOR / 8 * (seconds + QUEUED_S) + 2 * keyframe, "what it allows"
        assert two.sender.octets - alike > 2 * spent
        assert bad.peer._video_track.keyframes > keyframes, "a new picture now and then"


async def test_figures_are_those_of_all_that_were_there() -> None:
    viewers = Viewers()
    async with watching(viewers) as one:
        one.peer.malformed = 3
        one.peer.refused["texts"] = 2
        assert (viewers.malformed, viewers.refused["texts"]) == (3, 2)
    async with watching(viewers) as two:
        two.peer.malformed = 4
        two.peer.refused["texts"] = 1
        assert (viewers.malformed, viewers.refused["texts"]) == (7, 3)
        viewers.remove(two.peer)
        viewers.remove(two.peer)
        assert len(viewers) == 0
    assert (viewers.malformed, viewers.refused["texts"]) == (7, 3)


async def test_a_text_goes_to_everybody() -> None:
    viewers = Viewers()
    got: list[tuple[int, str]] = []
    told: list[tuple[int, str]] = []
    async with contextlib.AsyncExitStack() as stack:
        for n in range(3):
            pc = await stack.enter_async_context(client())
            peer = await stack.enter_async_context(
                Peer(viewers=viewers, audio="optional", on_message=lambda text, n=n: told.append((n, text)))  # type: ignore[misc]
            )
            pc.addTransceiver("video", "recvonly")
            channel = pc.createDataChannel("livehead")
            channel.on("message", lambda text, n=n: got.append((n, text)))
            channel.on("open", lambda channel=channel: channel.send("hello"))
            await connect(peer, pc)
        await until(lambda: len(told) == 3, 10)
        assert sorted(told) == [(0, "hello"), (1, "hello"), (2, "hello")]
        viewers.send_text("news")
        await until(lambda: len(got) == 3, 10)
        assert sorted(got) == [(0, "news"), (1, "news"), (2, "news")]
