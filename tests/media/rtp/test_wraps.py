"""Counters of RTP and RTCP past their wraps, and a wall clock that is set: sender and receiver without a network."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import Any

import pytest
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import (
    RTCP_RTPFB_NACK,
    RtcpPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    RtpPacket,
)

from livehead.client.call.sender_clock import SenderClock
from livehead.media.peer.peer import Peer
from livehead.media.rtp import sender as sender_module
from livehead.media.rtp.arrival_statistics import ArrivalStatistics
from livehead.media.rtp.clock import NTP_EPOCH, MediaClock, steady_wall
from livehead.media.rtp.receiver import Receiver
from livehead.media.rtp.sender import Sender
from livehead.media.rtp.track import RtpPayloads
from livehead.media.video.encoding import TICK, VideoEncoding
from livehead.media.video.track import VideoTrack
from waiting import until
from webrtc_client import Mic, client, connect

HOUR = 3600.0
OPUS = RTCRtpCodecParameters(mimeType="audio/opus", clockRate=48_000, channels=2, payloadType=111)

WRAP_TICK = (1 << 32) // TICK
"""A picture's timestamp passes 2³² behind this one, after 13 hours."""


class Line:
    """Keeps what is sent, parsed."""

    state = "connected"

    def __init__(self) -> None:
        self.packets: list[RtpPacket] = []
        self.reports: list[Any] = []

    async def _send_rtp(self, data: bytes) -> None:
        if 192 <= data[1] <= 223:
            self.reports += RtcpPacket.parse(data)
        else:
            self.packets.append(RtpPacket.parse(data))


def sending(clock: MediaClock | None = None) -> tuple[Sender, Line, VideoTrack]:
    line: Any = Line()
    track = VideoTrack(VideoEncoding)
    return Sender(track, line, clock or MediaClock(), lambda: None), line, track


async def send(sender: Sender, track: VideoTrack, index: int, count: int = 3) -> None:
    payloads = RtpPayloads([bytes([n]) for n in range(count)], index * TICK, marked=True)
    await sender._send_payloads(payloads, 96, "0")
    track.sent(payloads)


async def test_packets_go_on_past_their_wraps() -> None:
    sender, line, track = sending()
    sender._sequence = (1 << 16) - 30
    for index in range(WRAP_TICK - 10, WRAP_TICK + 10):
        await send(sender, track, index)
    numbers = [packet.sequence_number for packet in line.packets]
    assert numbers == [((1 << 16) - 30 + n) % (1 << 16) for n in range(60)]
    times = [packet.timestamp for packet in line.packets[::3]]
    assert {(new - old) % (1 << 32) for old, new in pairwise(times)} == {TICK}
    for index, rtp in zip(range(WRAP_TICK - 10, WRAP_TICK + 10), times, strict=True):
        assert track.index_of(sender.timestamp_of(rtp)) == index, "what a client says that it showed"


async def test_lost_packets_on_both_sides_of_the_wrap_are_sent_again() -> None:
    sender, line, track = sending()
    sender._sequence, sender._rtx_sequence, sender._rtx_type = (1 << 16) - 2, (1 << 16) - 2, 97
    await send(sender, track, 1, count=5)
    sent = list(line.packets)
    nack = RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=sender._ssrc)
    nack.lost = [packet.sequence_number for packet in sent]
    await sender._handle_rtcp_packet(nack)
    again = line.packets[5:]
    assert [packet.sequence_number for packet in again] == [65534, 65535, 0, 1, 2]
    assert [int.from_bytes(packet.payload[:2]) for packet in again] == [65534, 65535, 0, 1, 2]
    assert [packet.payload[2:] for packet in again] == [packet.payload for packet in sent]


async def test_sender_reports_count_past_32_bits_and_name_a_moment_of_the_stream() -> None:
    """13 hours into a call, in the second era of NTP, which begins in 2036."""
    now = (1 << 32) - NTP_EPOCH - 0.5
    clock = MediaClock(lambda: now)
    sender, line, track = sending(clock)
    sender._origin = (1 << 32) - 5
    sender.packets, sender.octets = (1 << 32) - 2, (1 << 32) - 1
    seen = SenderClock(90_000)
    walls: list[float] = []
    reporting = asyncio.create_task(sender._send_reports("name"))
    try:
        for index in range(WRAP_TICK - 1, WRAP_TICK + 2):
            now += 0.4
            clock.tick(index * 10)
            await send(sender, track, index * 10)
            reports = len(line.reports)
            await until(lambda reports=reports: len(line.reports) > reports, 5)  # type: ignore[misc]
            report = next(each for each in reversed(line.reports) if isinstance(each, RtcpSrPacket)).sender_info
            assert report.packet_count == sender.packets % (1 << 32)
            assert report.octet_count == sender.octets % (1 << 32)
            assert report.rtp_timestamp == pytest.approx(line.packets[-1].timestamp, abs=2)
            seen.report(report.ntp_timestamp / (1 << 32), report.rtp_timestamp)
            wall = seen.wall(seen.timestamps.map(line.packets[-1].timestamp))
            assert wall is not None
            walls.append(wall)
    finally:
        reporting.cancel()
    eras = [(new - old) % (1 << 32) for old, new in pairwise(walls)]
    assert eras == pytest.approx([0.4, 0.4], abs=0.001)


async def test_a_round_trip_is_measured_across_the_wrap_of_the_middle_of_ntp() -> None:
    sender, _, _ = sending()
    sender._reports.append((0xFFFFFFFF, time.monotonic() - 0.3))
    sender._reports.append((0x00000010, time.monotonic() - 0.2))
    for middle, trip in ((0xFFFFFFFF, 0.25), (0x00000010, 0.15)):
        answer = RtcpReceiverInfo(sender._ssrc, 0, 0, 0, 0, lsr=middle, dlsr=round(0.05 * 65536))
        await sender._handle_rtcp_packet(RtcpRrPacket(ssrc=1, reports=[answer]))
        assert sender._round_trip == pytest.approx(trip, abs=0.02)


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000, 90_000])
def test_statistics_of_arrival_past_all_wraps(rate: int) -> None:
    """Two cycles of sequence numbers, from shortly before the wrap of the timestamps; one packet in ten is lost."""
    now, step = 1e7, rate // 50
    statistics = ArrivalStatistics(rate, lambda: now)
    count = 2 * (1 << 16)
    for number in range(count):
        now += 0.02
        if number % 10 != 5:
            timestamp = ((1 << 32) - 100 * step + number * step) % (1 << 32)
            statistics.add(RtpPacket(sequence_number=(65_000 + number) % (1 << 16), timestamp=timestamp))
        assert statistics.jitter <= 1
    assert statistics.cycles + statistics.max_seq == 65_000 + count - 1
    assert statistics.packets_lost == pytest.approx(count / 10, abs=1)


def test_jitter_is_that_of_the_way_however_the_wall_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    now, set_by = 1000.0, 0.0
    monkeypatch.setattr("aiortc.rtcrtpreceiver.time.time", lambda: 1.7e9 + now + set_by)
    statistics = ArrivalStatistics(48_000, lambda: now)
    for number in range(2000):
        now = 1000 + number * 0.02 + (0.004 if number % 2 else 0.0)
        set_by = (0.0, HOUR, -HOUR)[number // 300 % 3]
        statistics.add(RtpPacket(sequence_number=number, timestamp=number * 960))
    assert statistics.jitter == pytest.approx(0.004 * 48_000, rel=0.1)


async def test_a_clock_that_is_set_is_no_round_trip_of_a_message() -> None:
    """The library's SCTP measures by the wall clock; a minute of patience would follow for lost messages."""
    async with client() as pc, Peer() as peer:
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        pc.createDataChannel("livehead")
        await connect(peer, pc)
        sctp = peer._pc.sctp
        assert sctp is not None
        sctp._update_rto(0.02)
        before = sctp._rto
        for seconds in (HOUR, -HOUR, HOUR + 0.02):
            sctp._update_rto(seconds)
        assert sctp._rto == before


async def test_receiver_reports_name_the_highest_number_with_its_cycles() -> None:
    line: Any = Line()
    heard: list[int] = []
    receiver = Receiver("audio", line, lambda packet, codec: heard.append(packet.sequence_number))
    receiver._codecs = {111: OPUS}
    for number in range(65_500, 65_500 + 3 * (1 << 16), 100):
        packet = RtpPacket(111, sequence_number=number % (1 << 16), timestamp=number * 960 % (1 << 32), ssrc=7)
        await receiver._handle_rtp_packet(packet, 0)
    info = receiver._info(7, receiver._statistics[7])
    assert info.highest_sequence == max(range(65_500, 65_500 + 3 * (1 << 16), 100))
    assert RtcpPacket.parse(bytes(RtcpRrPacket(ssrc=1, reports=[info])))[0].reports == [info]
    assert len(heard) == 1967


def test_the_time_of_sending_wraps_every_64_seconds_and_never_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """abs-send-time: 24 bits, 18 of them behind the point."""
    monotonic = 1e7
    monkeypatch.setattr("time.monotonic", lambda: monotonic)
    before = sender_module._send_time()
    for step in range(1, 2000):
        monotonic = 1e7 + step * 0.04
        monkeypatch.setattr("time.time", lambda step=step: 1.7e9 + (HOUR if step % 2 else -HOUR))
        after = sender_module._send_time()
        assert (after - before) % (1 << 24) == pytest.approx(0.04 * (1 << 18), abs=2)
        before = after


def test_both_tracks_agree_while_the_wall_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, offset = MediaClock(), steady_wall() - time.monotonic()
    assert steady_wall() == pytest.approx(time.time(), abs=60), "it is the time of day"
    clock.tick(0)
    first = clock.now()
    wall = time.time
    monkeypatch.setattr("time.time", lambda: wall() + HOUR)
    clock.tick(1)
    then = clock.now()
    assert first is not None
    assert then is not None
    assert (then[0] - first[0]) / (1 << 32) < 60
    assert steady_wall() - time.monotonic() == pytest.approx(offset, abs=1)
