"""A peer on the loopback, with aiortc as the client."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

import webrtc_client
from livehead.core.block import Pcm
from livehead.errors import MalformedError, UnprocessableError
from livehead.media.encoding_pool import max_threads
from livehead.media.peer.peer import IceServer, Peer
from waiting import patient
from webrtc_client import Mic, client, connect, grey


async def play(peer: Peer, ticks: int, *, first: int = 0, voice: bool = False) -> None:
    start = time.monotonic()
    for n in range(ticks):
        await asyncio.sleep(max(0.0, start + n * 0.04 - time.monotonic()))
        peer.send_frame(grey(60 + n * 2 % 120), first + n)
        if voice:
            at = (np.arange(640) + (first + n) * 640) / 16000
            pcm: Pcm = (0.3 * np.sin(2 * np.pi * 440 * at)).astype(np.float32)
            peer.send_audio(pcm, first + n)


async def test_frames_go_out_and_audio_comes_in() -> None:
    async with client() as pc, Peer() as peer:
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        video = pc.getReceivers()[1]
        await connect(peer, pc)
        assert peer.last_media is None or time.monotonic() - peer.last_media < 5
        audio = await anext(peer.audio)
        assert audio.start == 0
        assert audio.pcm.dtype == np.float32
        assert audio.pcm.shape == (320,)
        await play(peer, 15)
        frames = [await asyncio.wait_for(video.track.recv(), 5) for _ in range(10)]
        assert (frames[0].width, frames[0].height) == (64, 64)
        assert [b.pts - a.pts for a, b in itertools.pairwise(frames)] == [3600] * 9
        assert peer.last_media is not None
        assert time.monotonic() - peer.last_media < 2


async def test_the_voice_goes_out_in_step_with_its_time_stamps() -> None:
    async with client() as pc, Peer(voice=True) as peer:
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        audio = pc.getReceivers()[0]
        await connect(peer, pc)
        await play(peer, 25, voice=True)
        frames = [await asyncio.wait_for(audio.track.recv(), 5) for _ in range(30)]
        assert {b.pts - a.pts for a, b in itertools.pairwise(frames)} == {960}
        pcm = np.concatenate([f.to_ndarray().reshape(-1, 2)[:, 0] for f in frames[5:25]]) / 32768
        spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm))))
        assert abs(np.argmax(spectrum) * 48000 / len(pcm) - 440) < 5
        assert 0.15 < np.sqrt(np.mean(pcm**2)) < 0.27


async def test_a_client_without_opus_speaks_and_hears_g711() -> None:
    async with client() as pc, Peer(voice=True) as peer:
        at = np.arange(960) / 48000
        pc.addTrack(Mic(lambda n: (0.3 * np.sin(2 * np.pi * 500 * (at + n * 0.02))).astype(np.float32)))
        pc.addTransceiver("video", "recvonly")
        audio = pc.getReceivers()[0]
        answer = await connect(peer, pc, lambda sdp: sdp.replace("opus/48000/2", "other/48000/2"))
        assert "opus" not in answer
        audio_chunks = [await anext(peer.audio) for _ in range(20)]
        heard = np.concatenate([s.pcm for s in audio_chunks[5:]])
        assert np.sqrt(np.mean(heard**2)) == pytest.approx(0.3 / 2**0.5, rel=0.1)
        await play(peer, 15, voice=True)
        frames = [await asyncio.wait_for(audio.track.recv(), 5) for _ in range(15)]
        pcm = np.concatenate([f.to_ndarray().reshape(-1) for f in frames[5:]]) / 32768
        assert np.sqrt(np.mean(pcm**2)) == pytest.approx(0.3 / 2**0.5, rel=0.1)


async def test_a_client_that_never_comes_is_given_up() -> None:
    async with client() as pc, Peer(setup_seconds=0.2) as peer:
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        await pc.setLocalDescription(await pc.createOffer())
        await peer.answer(pc.localDescription.sdp)
        await asyncio.wait_for(peer.closed.wait(), 2)
        assert not peer.heard.is_set()


async def test_a_stun_server_that_is_silent_does_not_hold_up_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livehead.media.peer.aiortc_parts.GATHER_TIMEOUT", 0.3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        server = IceServer((f"stun:127.0.0.1:{deaf.getsockname()[1]}",))
        async with client() as pc, Peer([server]) as peer:
            pc.addTrack(Mic())
            pc.addTransceiver("video", "recvonly")
            await connect(peer, pc)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes network namespaces")
async def test_without_any_network_the_loopback_serves() -> None:
    script = Path(__file__).with_name("loopback_only.py")
    command = f"ip link set lo up && {sys.executable} {script}"
    environment = {**os.environ, "PYTHONPATH": str(Path(webrtc_client.__file__).parent)}
    process = await asyncio.create_subprocess_exec(
        "unshare", "--net", "sh", "-c", command, stderr=subprocess.PIPE, env=environment
    )
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    if b"unshare" in errors:
        pytest.skip("network namespaces cannot be made here")
    assert process.returncode == 0, errors.decode()


async def test_both_tracks_are_of_one_stream() -> None:
    async with client() as pc, Peer(voice=True) as peer:
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        answer = await connect(peer, pc)
        streams = {line.split()[0] for line in answer.splitlines() if line.startswith("a=msid:")}
        assert len(streams) == 1


async def test_a_client_whose_microphone_stops_is_silent_and_still_there() -> None:
    async with client() as pc, Peer() as peer:
        mic = Mic()
        pc.addTrack(mic)
        pc.addTransceiver("video", "recvonly")
        await connect(peer, pc)
        await anext(peer.audio)
        mic.stop()
        await play(peer, 50)
        now = time.monotonic()
        assert peer.last_media is not None
        assert peer.last_received is not None
        assert now - peer.last_media > 1.5
        assert now - peer.last_received < 1.7  # reports come every 0.5 to 1.5 s


async def test_a_second_offer_is_refused() -> None:
    async with client() as pc, Peer() as peer:
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        await connect(peer, pc)
        with pytest.raises(UnprocessableError, match="new"):
            await peer.answer(pc.localDescription.sdp)
        await anext(peer.audio)


async def test_reports_of_both_tracks_name_the_same_moment() -> None:
    """Sender reports map RTP time to wall time; ticks of one index must come out at one wall time."""
    async with client() as pc, Peer(voice=True) as peer:
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        reports: dict[str, list[tuple[int, int]]] = {"audio": [], "video": []}
        first: dict[str, int] = {}
        for receiver in pc.getReceivers():
            kind = receiver.track.kind if receiver.track else ("audio", "video")[len(first)]
            _spy(receiver, kind, reports[kind], first)
            first.setdefault(kind, -1)
        first.clear()
        await connect(peer, pc)
        await asyncio.sleep(0.2)
        await play(peer, 50, first=100, voice=True)
        # Wall time of the first packet of each track, which is tick 100 (or the same later one) of both.
        walls = {}
        for kind, rate in (("audio", 48000), ("video", 90000)):
            ntp, rtp = reports[kind][-1]
            walls[kind] = ntp / 2**32 - ((rtp - first[kind]) & 0xFFFFFFFF) / rate
        assert abs(walls["audio"] - walls["video"]) < 0.005


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.02)


def _spy(receiver, kind: str, reports: list[tuple[int, int]], first: dict[str, int]) -> None:
    rtp, rtcp = receiver._handle_rtp_packet, receiver._handle_rtcp_packet

    async def on_rtp(packet, arrival_time_ms):
        first.setdefault(kind, packet.timestamp)
        await rtp(packet, arrival_time_ms=arrival_time_ms)

    async def on_rtcp(packet):
        if hasattr(packet, "sender_info"):
            reports.append((packet.sender_info.ntp_timestamp, packet.sender_info.rtp_timestamp))
        await rtcp(packet)

    receiver._handle_rtp_packet, receiver._handle_rtcp_packet = on_rtp, on_rtcp


async def test_the_data_channel_of_the_client_is_used() -> None:
    got: list[str] = []
    async with client() as pc, Peer(on_message=got.append) as peer:
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        channel = pc.createDataChannel("livehead")
        back: asyncio.Queue[str] = asyncio.Queue()
        channel.on("message", back.put_nowait)
        opened = asyncio.Event()
        channel.on("open", opened.set)
        await connect(peer, pc)
        await asyncio.wait_for(opened.wait(), 5)
        channel.send("hello")
        channel.send("x" * 100_000)
        channel.send(b"binary is not for us")
        async with patient(5):
            await _until(lambda: bool(got) and peer.send_text("welcome"))
            assert await back.get() == "welcome"
        assert got == ["hello"]


async def test_the_server_opens_a_data_channel_where_the_client_has_none_of_that_name() -> None:
    async with client() as pc, Peer() as peer:
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        pc.createDataChannel("something else")
        found: asyncio.Queue[str] = asyncio.Queue()

        def on_channel(channel) -> None:
            if channel.label == "livehead":
                channel.on("message", found.put_nowait)

        pc.on("datachannel", on_channel)
        assert not peer.send_text("too early")
        await connect(peer, pc)
        async with patient(5):
            await _until(lambda: peer.send_text("news"))
            assert await found.get() == "news"


async def test_candidates_may_come_later() -> None:
    async with client() as pc, Peer() as peer:
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")

        def bare(sdp: str) -> str:
            return "".join(
                line for line in sdp.splitlines(True) if "a=candidate" not in line and "end-of-cand" not in line
            )

        await connect(peer, pc, bare)
    async with client() as pc, Peer() as peer:
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        await pc.setLocalDescription(await pc.createOffer())
        offer = pc.localDescription.sdp
        await peer.answer(bare(offer))
        await peer.add_candidate("candidate:1 1 udp 2113937151 8b6f0a3e-3c1a.local 51234 typ host", "0", 0)
        await peer.add_candidate("candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active", "0", 0)
        for line in offer.splitlines():
            if line.startswith("a=candidate"):
                await peer.add_candidate(line, "0")
        await peer.add_candidate("", "0")
        await peer.add_candidate(None)
        with pytest.raises(MalformedError):
            await peer.add_candidate("candidate:nonsense", "0")
        ufrag = next(line for line in offer.splitlines() if line.startswith("a=ice-ufrag")).partition(":")[2]
        assert not peer.is_restart(ufrag)
        assert not peer.is_restart(None)
        assert peer.is_restart("EsAw")


async def test_closing_twice_is_closing_once_and_ends_the_audio() -> None:
    async with client() as pc:
        peer = Peer()
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        await connect(peer, pc)
        await asyncio.gather(peer.close(), peer.close())
        await peer.close()
        assert peer.closed.is_set()
        async with asyncio.timeout(1):
            async for _ in peer.audio:
                pass
        peer.send_frame(grey(0), 1)
        assert not peer.send_text("nobody")


async def test_a_peer_that_never_answered_closes() -> None:
    async with Peer() as peer:
        pass
    assert peer.closed.is_set()


async def test_a_client_that_leaves_ends_the_peer() -> None:
    async with Peer() as peer:
        async with client() as pc:
            pc.addTrack(Mic())
            pc.addTransceiver("video", "recvonly")
            await connect(peer, pc)
        await asyncio.wait_for(peer.closed.wait(), 5)


@pytest.mark.parametrize("first", ["video", "data"])
async def test_lines_of_any_order_are_served(first: str) -> None:
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[], alwaysNegotiateDataChannels=first == "data"))
    try:
        async with Peer() as peer:
            pc.addTransceiver("video", "recvonly")
            pc.addTrack(Mic())
            if first != "data":
                pc.createDataChannel("livehead")
            answer = await connect(peer, pc)
            kinds = [line.split()[0][2:] for line in answer.splitlines() if line.startswith("m=")]
            assert kinds[0] == ("application" if first == "data" else "video")
            await anext(peer.audio)
            await play(peer, 10)
            frame = await asyncio.wait_for(pc.getReceivers()[0].track.recv(), 5)
            assert frame.width == 64
            await asyncio.wait_for(_until(lambda: peer.send_text("hello")), 5)
    finally:
        await pc.close()


async def _answered_only(gone: list[weakref.ref[object]]) -> None:
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    pc.addTransceiver("audio", "sendonly")
    pc.addTransceiver("video", "recvonly")
    offer = (await pc.createOffer()).sdp
    async with Peer(voice=True) as peer:
        await peer.answer(offer)
        gone.extend([weakref.ref(peer), weakref.ref(peer._pc)])
    await pc.close()


async def _connected(gone: list[weakref.ref[object]]) -> None:
    async with client() as pc, Peer(voice=True) as peer:
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        pc.createDataChannel("livehead")
        await connect(peer, pc)
        await play(peer, 2, voice=True)
        gone.extend([weakref.ref(peer), weakref.ref(peer._pc), weakref.ref(peer._ingest)])


@pytest.mark.parametrize(("once", "times"), [(_answered_only, 100), (_connected, 15)])
async def test_peers_leave_nothing_behind(
    once: Callable[[list[weakref.ref[object]]], Awaitable[None]], times: int
) -> None:
    gone: list[weakref.ref[object]] = []
    for _ in range(3):
        await once(gone)
    threads, tasks, files = threading.active_count(), len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))
    for _ in range(times):
        await once(gone)
    await asyncio.sleep(0.1)
    gc.collect()
    assert threading.active_count() <= threads + max_threads()
    assert len(asyncio.all_tasks()) <= tasks
    assert len(os.listdir("/proc/self/fd")) <= files + 2
    assert sum(ref() is not None for ref in gone) == 0
