"""The user's sound and activity, through a socket that breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from client.fake_sockets import FakeSockets
from livehead.client import Livehead, ProblemError, Session, UserActivity
from livehead.client.errors import Conflict, Forbidden
from waiting import patient, until

CHUNK = b"\1\2" * 320


@pytest.fixture
async def session(server: Livehead) -> AsyncIterator[Session]:
    async with server.attach("abc") as session:
        yield session


async def heard(hearing: AsyncGenerator[bytes], count: int) -> bytes:
    async with patient(5):
        return b"".join([await anext(hearing) for _ in range(count)])


async def test_sound_comes_as_it_is_sent_and_the_socket_closes_with_its_reader(
    sockets: FakeSockets, session: Session
) -> None:
    hearing = session.hearing(rate=24_000)
    assert sockets.handshakes == []
    first = asyncio.create_task(heard(hearing, 2))
    socket = await sockets.accepted()
    assert socket.path == "/v1/sessions/abc/hearing?rate=24000"
    assert socket.headers["Authorization"] == "Bearer lh_key"
    await socket.send(CHUNK)
    await socket.send(CHUNK)
    assert await first == CHUNK * 2
    await hearing.aclose()
    await asyncio.wait_for(socket.closed.wait(), 5)


async def test_events_and_sound_share_one_socket(sockets: FakeSockets, session: Session) -> None:
    events, others = session.events, session.events
    hearing = session.hearing()
    reading = asyncio.create_task(heard(hearing, 1))
    socket = await sockets.accepted()
    await until(lambda: not reading.done())
    await socket.tell("user", state="speaking", at_ms=40)
    await socket.send(CHUNK)
    await socket.tell("user", state="silent", at_ms=900)
    assert await reading == CHUNK
    for stream in (events, others):
        told = [await asyncio.wait_for(anext(stream), 5) for _ in range(2)]
        assert told == [UserActivity("speaking", 40), UserActivity("silent", 900)]
    await hearing.aclose()
    assert not socket.closed.is_set()  # the events are still wanted
    assert len(sockets.handshakes) == 1


async def test_sound_at_another_rate_than_that_of_the_events_takes_a_new_socket(
    sockets: FakeSockets, session: Session
) -> None:
    events = session.events
    one = await sockets.accepted()
    sockets.refuse(409)  # the server has not let go of the first yet
    hearing = session.hearing(rate=48_000)
    reading = asyncio.create_task(heard(hearing, 1))
    two = await sockets.accepted()
    assert one.closed.is_set()
    assert two.path.endswith("rate=48000")
    await two.send(CHUNK)
    assert await reading == CHUNK
    await two.tell("user", state="speaking", at_ms=0)
    assert await asyncio.wait_for(anext(events), 5) == UserActivity("speaking", 0)


async def test_the_sound_goes_on_after_the_connection_broke(sockets: FakeSockets, session: Session) -> None:
    hearing = session.hearing()
    reading = asyncio.create_task(heard(hearing, 2))
    socket = await sockets.accepted()
    await socket.send(CHUNK)
    sockets.refuse(503, retry_after=0.1)
    await until(lambda: socket.received is not None)
    await socket.close(1011)
    again = await sockets.accepted()
    await again.send(CHUNK)
    assert await reading == CHUNK * 2


async def test_a_slow_reader_loses_the_oldest_sound(sockets: FakeSockets, session: Session) -> None:
    hearing = session.hearing(rate=16_000)
    first = asyncio.create_task(heard(hearing, 1))
    socket = await sockets.accepted()
    for number in range(8):
        await socket.send(bytes([number]) * 32_000)  # a second
        if not number:
            await first
    await socket.tell("user", state="speaking", at_ms=0)
    events = session.events
    await socket.tell("user", state="silent", at_ms=0)
    await asyncio.wait_for(anext(events), 5)  # so all that was sent before has come
    assert {await heard(hearing, 1) for _ in range(5)} == {bytes([n]) * 32_000 for n in range(3, 8)}


async def test_a_second_reader_is_refused(sockets: FakeSockets, session: Session) -> None:
    hearing = session.hearing()
    reading = asyncio.create_task(heard(hearing, 1))
    await sockets.accepted()
    with pytest.raises(RuntimeError, match="read already"):
        await anext(session.hearing())
    reading.cancel()


@pytest.mark.parametrize(("status", "kind"), [(403, Forbidden), (409, Conflict)])
async def test_a_refusal_is_raised_to_whoever_reads(
    sockets: FakeSockets, session: Session, status: int, kind: type[ProblemError]
) -> None:
    sockets.refuse(status, 2)
    with pytest.raises(kind):
        await asyncio.wait_for(anext(session.hearing()), 5)
    with pytest.raises(kind):
        await asyncio.wait_for(anext(session.events), 5)


async def test_a_refusal_can_be_mended(sockets: FakeSockets, session: Session) -> None:
    sockets.refuse(409)
    with pytest.raises(Conflict):
        await asyncio.wait_for(anext(session.hearing()), 5)
    reading = asyncio.create_task(heard(session.hearing(), 1))
    await (await sockets.accepted()).send(CHUNK)
    assert await reading == CHUNK


async def test_the_end_of_the_session_ends_the_sound(sockets: FakeSockets, session: Session) -> None:
    events = session.events
    reading = asyncio.create_task(heard_to_the_end(session))
    socket = await sockets.accepted()
    await until(lambda: not reading.done())
    await socket.send(CHUNK)
    await asyncio.sleep(0.05)
    await socket.close(1001)
    assert await asyncio.wait_for(reading, 5) == CHUNK
    assert [event async for event in events] == []


async def heard_to_the_end(session: Session) -> bytes:
    return b"".join([chunk async for chunk in session.hearing()])


@pytest.mark.parametrize("garbage", ["no JSON", '{"type": "user"}', '{"type": "user", "state": "asleep", "at_ms": 1}'])
async def test_nonsense_breaks_the_connection_and_the_sound_goes_on(
    sockets: FakeSockets, session: Session, garbage: str
) -> None:
    reading = asyncio.create_task(heard(session.hearing(), 1))
    await (await sockets.accepted()).send(garbage)
    await (await sockets.accepted()).send(CHUNK)
    assert await reading == CHUNK


async def test_closing_the_session_ends_its_readers(sockets: FakeSockets, server: Livehead) -> None:
    async with server.attach("abc") as session:
        reading = asyncio.create_task(heard_to_the_end(session))
        socket = await sockets.accepted()
    assert await asyncio.wait_for(reading, 5) == b""
    await asyncio.wait_for(socket.closed.wait(), 5)
