"""What a sender does when a receiver complains: retransmissions and keyframes, within limits."""

from __future__ import annotations

import asyncio
import struct
import time

import numpy as np
import pytest
from aiortc.rtp import RTCP_PSFB_APP, RTCP_PSFB_PLI, RTCP_RTPFB_NACK, RtcpPsfbPacket, RtcpRtpfbPacket, RtpPacket

from livehead.media.peer.peer import Peer
from livehead.media.rtp.rate_control import FLOOR
from livehead.media.rtp.retransmission import BURST_S, CAPACITY, OVERHEAD, SentPacket
from livehead.media.rtp.sender import Sender
from webrtc_client import Mic, client, connect, grey


async def _with_frames(peer: Peer, pc, count: int) -> Sender:
    pc.addTrack(Mic())
    pc.addTransceiver("video", "recvonly")
    await connect(peer, pc)
    for n in range(count):
        peer.send_frame(grey(50 + n % 100, 128), n)
        await asyncio.sleep(0.02)
    sender = peer._pc.getTransceivers()[1].sender
    assert isinstance(sender, Sender)
    return sender


def _nack(sender: Sender, sequences: list[int]) -> RtcpRtpfbPacket:
    packet = RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=sender._ssrc)
    packet.lost = sequences
    return packet


def _last(sender: Sender) -> SentPacket:
    packet = sender._sent.find((sender._sequence - 1) & 0xFFFF)
    assert packet is not None
    return packet


async def test_what_was_lost_is_sent_again_once() -> None:
    async with client() as pc, Peer() as peer:
        sender = await _with_frames(peer, pc, 5)
        sequence = _last(sender).sequence
        await sender._handle_rtcp_packet(_nack(sender, [sequence, sequence, (sequence + 500) & 0xFFFF]))
        assert sender.resent == 1


async def test_what_is_under_way_is_not_sent_again() -> None:
    """A receiver asks again and again until it has what it asked for."""
    async with client() as pc, Peer() as peer:
        sender = await _with_frames(peer, pc, 5)
        packet = _last(sender)
        for since, resent in ((10.0, 1), (0.1, 1), (0.2, 1), (0.4, 2)):
            sender._round_trip = 0.3
            packet.resent_at = time.monotonic() - since
            await sender._handle_rtcp_packet(_nack(sender, [packet.sequence]))
            assert sender.resent == resent


async def test_a_keyframe_under_way_is_what_was_asked_for() -> None:
    async with client() as pc, Peer() as peer:
        sender = await _with_frames(peer, pc, 5)
        track = peer._video_track
        for since, wanted in ((0.2, False), (0.4, True)):
            track.requests.last, sender._round_trip = time.monotonic() - since, 0.3
            await sender._handle_rtcp_packet(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=sender._ssrc))
            assert track.requests.wanted is wanted


async def test_a_receiver_that_asks_for_everything_does_not_get_it() -> None:
    async with client() as pc, Peer() as peer:
        sender = await _with_frames(peer, pc, 5)
        for sequence in range(500):
            data = RtpPacket(sequence_number=sequence, payload=bytes(1000)).serialize()
            sender._sent.add(SentPacket(sequence, data, 1000, time.monotonic()))
        await sender._handle_rtcp_packet(_nack(sender, list(range(500))))
        assert peer._video_track.policy is not None
        at_once = peer._video_track.policy.bitrate / 8 * BURST_S / (1000 + OVERHEAD)
        assert at_once - 1 <= sender.resent <= at_once + 5
        assert not peer._video_track.requests.wanted, "packets that are only late are asked for too"


async def test_what_comes_behind_the_wrap_is_found() -> None:
    """A NACK names a packet and a mask of the 16 behind it (RFC 4585 section 6.2.1)."""
    async with client() as pc, Peer() as peer:
        sender = await _with_frames(peer, pc, 5)
        data = RtpPacket(sequence_number=2, payload=bytes(100)).serialize()
        sender._sent.add(SentPacket(2, data, 100, time.monotonic()))
        packet = RtcpRtpfbPacket.parse(struct.pack("!LLHH", 1, sender._ssrc, 65530, 1 << 7), RTCP_RTPFB_NACK)
        await sender._handle_rtcp_packet(packet)
        assert sender.resent == 1


async def test_one_packet_of_requests_is_not_gone_through_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async with client() as pc, Peer() as peer:
        sender = await _with_frames(peer, pc, 5)
        looked_for: list[int] = []
        monkeypatch.setattr(sender._sent, "find", looked_for.append)
        full = struct.pack("!LL", 1, sender._ssrc) + struct.pack("!HH", 1, 0xFFFF) * 360
        packet = RtcpRtpfbPacket.parse(full, RTCP_RTPFB_NACK)
        assert len(packet.lost) > 6000
        await sender._handle_rtcp_packet(packet)
        assert len(looked_for) == CAPACITY


@pytest.mark.parametrize("exponent", [0, 20, 63])
async def test_an_estimate_of_any_size_is_survived(exponent: int) -> None:
    """The estimated bitrate is a mantissa of 18 bits and an exponent of 6."""
    async with client() as pc, Peer() as peer:
        sender = await _with_frames(peer, pc, 5)
        policy = peer._video_track.policy
        assert policy is not None
        for mantissa in (0, 1, 0x3FFFF):
            bits = struct.pack("!BBH", 1, exponent << 2 | mantissa >> 16, mantissa & 0xFFFF)
            packet = RtcpPsfbPacket(RTCP_PSFB_APP, 1, 0, b"REMB" + bits + struct.pack("!L", sender._ssrc))
            for _ in range(100):
                await sender._handle_rtcp_packet(packet)
            assert FLOOR <= policy.bitrate <= policy.ceiling


async def test_a_loss_beyond_repair_brings_a_keyframe() -> None:
    async with client() as pc, Peer() as peer:
        sender = await _with_frames(peer, pc, 40)
        track = peer._video_track
        track.requests.last = peer._viewers._video["h264"]._last_keyframe = time.monotonic() - 1
        packet = _last(sender)
        for at, more in ((time.monotonic() - 700, 0), (time.monotonic() - 0.65, 1)):
            packet.sent_at = at
            before = track.keyframes
            await sender._handle_rtcp_packet(_nack(sender, [packet.sequence]))
            peer.send_frame(grey(9, 128), 1000 + more)
            await asyncio.sleep(0.1)
            assert track.keyframes == before + more
        assert sender.resent == 0


async def test_many_requests_bring_few_keyframes() -> None:
    async with client() as pc, Peer() as peer:
        sender = await _with_frames(peer, pc, 30)
        track = peer._video_track
        for n in range(50):
            await sender._handle_rtcp_packet(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=sender._ssrc))
            peer.send_frame(grey(int(np.sin(n) * 50 + 60), 128), 100 + n)
            await asyncio.sleep(0.02)
        assert 2 <= track.keyframes <= 5
