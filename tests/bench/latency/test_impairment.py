"""The bad network on the client's own side."""

from __future__ import annotations

import asyncio
import time

from aiortc import RTCPeerConnection

from livehead.bench.latency.impairment import Impairment
from waiting import patient

MEDIA, STUN = b"\x80rtp", b"\x00stun"


async def sent(link: Impairment, data: bytes, count: int, wait: float = 0.15) -> list[float]:
    """How long each of the packets took that came through."""
    pc = RTCPeerConnection()
    try:
        pc.addTransceiver("video")
        ice = pc.getTransceivers()[0].receiver.transport.transport
        came: list[float] = []

        async def note(_: bytes) -> None:
            came.append(time.monotonic())

        ice._send = note
        link.install(pc)
        began = time.monotonic()
        for _ in range(count):
            await ice._send(data)
        await asyncio.sleep(wait)
        return [at - began for at in came]
    finally:
        await pc.close()


async def test_it_loses_the_share_that_was_asked_for() -> None:
    link = Impairment(0.2, 0, seed=1)
    came = await sent(link, MEDIA, 2000)
    assert 0.75 < len(came) / 2000 < 0.85
    assert link.lost + link.passed == 2000


async def test_it_holds_packets_up_and_loses_none() -> None:
    came = await sent(Impairment(0, 60, seed=1), MEDIA, 300)
    assert len(came) == 300
    assert max(came) > 0.045


async def test_the_making_of_the_connection_is_left_alone() -> None:
    assert len(await sent(Impairment(0.5, 60, seed=1), STUN, 200)) == 200


async def test_a_narrow_line_carries_its_rate_in_order_and_loses_what_its_queue_cannot_hold() -> None:
    """60 packets of 1000 octets, 28 more on the line each, on 1 Mbit/s: one in 8.2 ms, and 300 ms of them wait."""
    link = Impairment(0, 0, seed=1, rate_kbit=1000)
    came = await sent(link, b"\x80" + bytes(999), 60, wait=0.5)
    assert 37 <= link.passed == len(came) <= 40  # a few more where the machine takes its time
    assert link.lost == 60 - link.passed
    assert came == sorted(came)
    assert all(at >= (n + 1) * 1028 * 0.000_008 - 0.001 for n, at in enumerate(came)), "none is early"


async def test_reports_take_the_same_way_down_as_media() -> None:
    pc = RTCPeerConnection()
    try:
        pc.addTransceiver("video")
        dtls = pc.getTransceivers()[0].receiver.transport
        came: asyncio.Queue[tuple[int, ...]] = asyncio.Queue()

        async def note(data: bytes, *arrival_time_ms: int) -> None:
            came.put_nowait((data[1], *arrival_time_ms))

        dtls._handle_rtp_data = dtls._handle_rtcp_data = note
        Impairment(0, 0, seed=1, rate_kbit=100).install(pc)
        await dtls._handle_rtp_data(b"\x80\x60" + bytes(970), arrival_time_ms=1000)  # 80 ms on this line
        await dtls._handle_rtcp_data(b"\x80\xc8" + bytes(26))
        assert came.empty()
        async with patient(10):
            media, arrival = await came.get()
            assert media == 0x60
            assert arrival >= 1079
            assert await came.get() == (0xC8,)
    finally:
        await pc.close()


async def test_without_loss_and_jitter_nothing_is_touched() -> None:
    link = Impairment(0, 0, seed=1)
    assert len(await sent(link, MEDIA, 200)) == 200
    assert link.passed == 0
