"""Which packets are worth sending again. No clock but the test's."""

from __future__ import annotations

import pytest

from livehead.media.rtp.retransmission import (
    BURST_S,
    CAPACITY,
    MAX_AGE,
    MIN_INTERVAL,
    OVERHEAD,
    SHARE,
    RetransmissionBuffer,
    SentPacket,
)

BITRATE = 800_000


def sent(sequence: int, at: float = 100.0) -> SentPacket:
    return SentPacket(sequence, b"header" + bytes(1000), 1000, at)


def test_the_newest_packets_are_kept_across_the_wrap() -> None:
    buffer = RetransmissionBuffer()
    sequences = [(65_500 + n) % 65_536 for n in range(CAPACITY + 10)]
    for sequence in sequences:
        buffer.add(sent(sequence))
    assert [buffer.find(sequence) for sequence in sequences[:10]] == [None] * 10
    assert all(buffer.find(sequence).sequence == sequence for sequence in sequences[10:])
    buffer.clear()
    assert buffer.find(sequences[-1]) is None


def test_a_packet_is_not_sent_again_while_it_may_be_under_way() -> None:
    buffer, packet = RetransmissionBuffer(), sent(1)
    asked = {100.05: True, 100.1: False, 100.2: False, 100.36: True, 100.4: False}
    for now, again in asked.items():
        assert buffer.allow(packet, now, round_trip=0.3, bitrate=BITRATE) is again
    assert not buffer.allow(packet, 100.36 + MIN_INTERVAL / 2, round_trip=0.0, bitrate=BITRATE)
    assert buffer.allow(packet, 100.4, round_trip=0.0, bitrate=BITRATE)


def test_a_receiver_that_asks_for_everything_gets_a_share_of_the_bitrate() -> None:
    buffer = RetransmissionBuffer()
    packets = [sent(n) for n in range(500)]
    at_once = sum(buffer.allow(packet, 100.1, round_trip=0.0, bitrate=BITRATE) for packet in packets[:200])
    assert at_once == int(BITRATE / 8 * BURST_S / (1000 + OVERHEAD))
    more = sum(buffer.allow(packets[200 + n], 100.1 + n / 100, round_trip=0.0, bitrate=BITRATE) for n in range(300))
    assert more == pytest.approx(SHARE * BITRATE / 8 * 3 / (1000 + OVERHEAD), abs=2)


def test_what_is_refused_costs_nothing() -> None:
    buffer, packet = RetransmissionBuffer(), sent(1)
    assert buffer.allow(packet, 100.1, round_trip=0.0, bitrate=BITRATE)
    for _ in range(1000):
        buffer.allow(packet, 100.1, round_trip=1.0, bitrate=BITRATE)
    assert buffer.allow(sent(2), 100.1, round_trip=1.0, bitrate=BITRATE)


def test_an_old_packet_is_beyond_repair() -> None:
    packet = sent(1, at=50.0)
    assert not packet.is_stale(50.0 + MAX_AGE - 0.01)
    assert packet.is_stale(50.0 + MAX_AGE + 0.01)
