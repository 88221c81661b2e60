"""Speech through a socket that does what sockets do: answer late, refuse, break, talk nonsense."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import pytest

from client.fake_sockets import FakeSockets
from livehead.client import AvatarActivity, Livehead, Playback, PlaybackResult, ProblemError, Session, SessionEnded
from livehead.client.errors import Conflict, ConnectionLost, NotFound, RateLimited, Unavailable, Unprocessable
from livehead.client.speech import speech_socket
from waiting import patient, until

SECOND = bytes(48_000)


@pytest.fixture
async def session(server: Livehead) -> AsyncIterator[Session]:
    async with server.attach("abc") as session:
        yield session


async def ended(playback: Playback, within: float = 5.0) -> PlaybackResult:
    async with patient(within):
        return await playback.finished()


async def test_speech_is_sent_whole_with_the_key_in_the_header(sockets: FakeSockets, session: Session) -> None:
    playback = await session.speak([b"ab", b"cd" * 10], rate=16_000)
    socket = await sockets.accepted()
    await socket.next("end")
    assert socket.path == "/v1/sessions/abc/speech?rate=16000"
    assert socket.headers["Authorization"] == "Bearer lh_key"
    assert [each for each in socket.received if isinstance(each, bytes)] == [b"ab", b"cd" * 10]
    await socket.tell(state="started", k=0, utterance=0, spoken_ms=0)
    await asyncio.wait_for(playback.started(), 5)
    await socket.tell(state="finished", k=3, utterance=0, spoken_ms=120, shown_ms=80)
    assert await ended(playback) == PlaybackResult("finished", 120, 80)


async def test_utterances_queue_in_order_on_one_connection(sockets: FakeSockets, session: Session) -> None:
    playbacks = [await session.speak(bytes([n]) * 2) for n in range(5)]
    socket = await sockets.accepted()
    for _ in playbacks:
        await socket.next("end")
    assert [each[0] for each in socket.received if isinstance(each, bytes)] == [0, 1, 2, 3, 4]
    for n, playback in enumerate(playbacks):
        await socket.tell(state="started", k=n, utterance=n)
        await socket.tell(state="finished", k=n, utterance=n, spoken_ms=n)
        assert (await ended(playback)).spoken_ms == n
    assert len(sockets.handshakes) == 1


async def test_an_utterance_without_samples_is_finished_and_sends_nothing(
    sockets: FakeSockets, session: Session
) -> None:
    assert await ended(await session.speak(b"")) == PlaybackResult("finished", 0, None)
    assert (await sockets.accepted()).received == []


async def test_an_iterator_is_read_no_further_ahead_than_the_server_may_hold(
    sockets: FakeSockets, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech_socket, "AHEAD_S", 2.0)
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield SECOND

    playback = await session.speak(endless())
    socket = await sockets.accepted()
    await until(lambda: socket.samples >= 2 * 24_000)
    before = taken
    await asyncio.sleep(0.2)
    assert taken == before <= 3
    await socket.tell(state="started", k=0, utterance=0)  # now time is spoken away
    await until(lambda: taken > before)
    interrupting = asyncio.create_task(session.interrupt())
    await socket.next("interrupt")
    await socket.tell(state="interrupted", k=9, utterance=0, spoken_ms=400, shown_ms=360)
    await interrupting
    assert await ended(playback) == PlaybackResult("interrupted", 400, 360)


async def test_interrupt_ends_what_was_sent_and_what_waits(sockets: FakeSockets, session: Session) -> None:
    closed: list[bool] = []

    async def waits() -> AsyncIterator[bytes]:
        try:
            yield SECOND
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    first, second, third = await session.speak(SECOND), await session.speak(waits()), await session.speak(SECOND)
    socket = await sockets.accepted()
    await socket.next("end")
    await until(lambda: socket.samples >= 2 * 24_000)
    interrupting = asyncio.create_task(session.interrupt())
    await socket.next("interrupt")
    assert (await ended(third)).spoken_ms == 0
    assert not interrupting.done()
    await socket.tell(state="interrupted", k=9, utterance=0, spoken_ms=400)
    await socket.tell(state="interrupted", k=9, utterance=1, shown_ms=0)
    await interrupting
    assert await ended(first) == PlaybackResult("interrupted", 400, None)
    assert await ended(second) == PlaybackResult("interrupted", 0, 0)
    assert closed == [True]
    after = await session.speak(SECOND)
    await socket.next("end")
    await socket.tell(state="finished", k=40, utterance=2, spoken_ms=1000)
    assert not (await ended(after)).interrupted


async def test_an_interrupt_with_nothing_said_reaches_the_server(sockets: FakeSockets, session: Session) -> None:
    interrupting = asyncio.create_task(session.interrupt())
    socket = await sockets.accepted()
    await socket.next("interrupt")
    await socket.tell(state="interrupted", k=-1)
    await interrupting


async def test_an_interrupt_that_is_refused_for_its_rate_is_sent_again(sockets: FakeSockets, session: Session) -> None:
    playback = await session.speak(SECOND)
    socket = await sockets.accepted()
    await socket.next("end")
    interrupting = asyncio.create_task(session.interrupt())
    await socket.next("interrupt")
    await socket.tell("error", error={"status": 429, "type": "urn:livehead:rate-limit", "retry_after": 0.1})
    await socket.next("interrupt")
    await socket.tell(state="interrupted", k=0, utterance=0)
    await interrupting
    assert (await ended(playback)).reason == "interrupted"


async def test_a_viewer_that_interrupts_ends_all_that_was_to_be_said(sockets: FakeSockets, session: Session) -> None:
    async def goes_on() -> AsyncIterator[bytes]:
        while True:
            yield bytes(960)
            await asyncio.sleep(0.01)

    spoken, waiting = await session.speak(goes_on()), await session.speak(SECOND)
    socket = await sockets.accepted()
    await socket.tell(state="started", k=0, utterance=0)
    await socket.tell(state="interrupted", k=4, utterance=0, spoken_ms=160, shown_ms=120)
    assert await ended(spoken) == PlaybackResult("interrupted", 160, 120)
    assert (await ended(waiting)).interrupted
    await socket.next("interrupt")  # so that the rest that was under way is no utterance of its own
    await socket.tell(state="interrupted", k=4)
    after = await session.speak(SECOND)
    await socket.next("end")
    await socket.tell(state="finished", k=40, utterance=1, spoken_ms=1000)
    assert not (await ended(after)).interrupted


async def test_another_rate_waits_for_what_was_said_before(sockets: FakeSockets, session: Session) -> None:
    first = await session.speak(SECOND, rate=24_000)
    second = await session.speak(SECOND, rate=48_000)
    one = await sockets.accepted()
    await one.next("end")
    with pytest.raises(TimeoutError):
        await sockets.accepted(0.2)
    await one.tell(state="finished", k=0, utterance=0)
    await ended(first)
    two = await sockets.accepted()
    await asyncio.wait_for(one.closed.wait(), 5)
    assert two.path.endswith("rate=48000")
    await two.next("end")
    await two.tell(state="finished", k=0, utterance=0)
    assert not (await ended(second)).interrupted


@pytest.mark.parametrize("rate", [0, 7_999, 48_001, 24_000.5])
async def test_rates_that_the_server_does_not_take_are_refused_here(session: Session, rate: int) -> None:
    with pytest.raises(ValueError, match="8000 to 48000"):
        await session.speak(SECOND, rate=rate)


async def test_an_iterator_that_fails_is_told_and_what_came_before_is_spoken(
    sockets: FakeSockets, session: Session
) -> None:
    async def fails() -> AsyncIterator[bytes]:
        yield b"abcd"
        raise LookupError("no voice")

    playback = await session.speak(fails())
    after = await session.speak(SECOND)
    socket = await sockets.accepted()
    with pytest.raises(LookupError, match="no voice"):
        await ended(playback)
    await socket.next("end")
    await socket.next("end")
    await socket.tell(state="finished", k=0, utterance=0)
    await socket.tell(state="finished", k=9, utterance=1)
    assert not (await ended(after)).interrupted


async def test_when_the_connection_breaks_nothing_is_spoken_twice(sockets: FakeSockets, session: Session) -> None:
    async def goes_on() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b"\1\1" * 480
            await asyncio.sleep(0.01)

    spoken = await session.speak(goes_on())
    waiting = await session.speak(b"\2\2" * 480)
    socket = await sockets.accepted()
    await socket.tell(state="started", k=0, utterance=0, spoken_ms=40, shown_ms=0)
    await asyncio.wait_for(spoken.started(), 5)
    socket.abort()
    assert await ended(spoken) == PlaybackResult("connection-lost", 40, 0)
    again = await sockets.accepted()
    await again.next("interrupt")  # what the server still has of it
    await again.tell(state="interrupted", k=9)
    await again.next("end")
    assert {bytes(each[:2]) for each in again.received if isinstance(each, bytes)} == {b"\2\2"}
    await again.tell(state="finished", k=20, utterance=0, spoken_ms=20)
    assert await ended(waiting) == PlaybackResult("finished", 20, None)


async def test_a_connection_that_breaks_in_silence_is_made_anew_when_there_is_something_to_say(
    sockets: FakeSockets, session: Session
) -> None:
    playback = await session.speak(SECOND)
    socket = await sockets.accepted()
    await socket.next("end")
    await socket.tell(state="finished", k=0, utterance=0)
    await ended(playback)
    socket.abort()
    with pytest.raises(TimeoutError):
        await sockets.accepted(0.3)
    playback = await session.speak(SECOND)
    again = await sockets.accepted()
    await again.next("end")
    await again.tell(state="finished", k=0, utterance=0)
    assert not (await ended(playback)).interrupted
    assert not any(isinstance(each, str) and "interrupt" in each for each in again.received)


async def test_a_server_that_still_holds_the_broken_connection_is_asked_again(
    sockets: FakeSockets, session: Session
) -> None:
    await session.speak(SECOND)
    socket = await sockets.accepted()
    await socket.next("end")
    sockets.refuse(409, 3)
    socket.abort()
    again = await sockets.accepted()
    await again.next("interrupt")
    assert len(sockets.handshakes) == 5


async def test_where_the_connection_cannot_be_made_anew_whoever_speaks_is_told(
    sockets: FakeSockets, session: Session
) -> None:
    spoken = await session.speak(SECOND)
    socket = await sockets.accepted()
    await socket.next("end")
    sockets.refuse(503, 1000)
    socket.abort()
    assert (await ended(spoken)).reason == "connection-lost"
    with pytest.raises(Unavailable):
        await session.speak(SECOND)
    sockets.refusals.clear()
    after = await session.speak(SECOND)
    again = await sockets.accepted()
    await again.next("end")
    await again.tell(state="finished", k=0, utterance=0)
    assert not (await ended(after)).interrupted


@pytest.mark.parametrize(("status", "kind"), [(404, NotFound), (409, Conflict), (422, Unprocessable)])
async def test_a_refusal_is_told_at_once(
    sockets: FakeSockets, session: Session, status: int, kind: type[ProblemError]
) -> None:
    sockets.refuse(status, detail="It has ended.")
    with pytest.raises(kind, match="It has ended") as refused:
        await session.speak(SECOND)
    assert (refused.value.status, refused.value.type) == (status, "urn:livehead:test")
    assert len(sockets.handshakes) == 1


async def test_a_server_that_asks_to_wait_is_asked_again_and_not_for_ever(
    sockets: FakeSockets, session: Session
) -> None:
    sockets.refuse(429, 2, retry_after=0.1)
    await session.speak(SECOND)
    await sockets.accepted()
    assert len(sockets.handshakes) == 3


async def test_a_server_that_asks_to_wait_too_long_is_not_waited_for(sockets: FakeSockets, session: Session) -> None:
    sockets.refuse(429, retry_after=60)
    with pytest.raises(RateLimited) as refused:
        await session.speak(SECOND)
    assert refused.value.retry_after == 60


async def test_no_server_is_a_lost_connection() -> None:
    async with Livehead("http://127.0.0.1:9", timeout=2) as server, server.attach("abc") as session:
        with pytest.raises(ConnectionLost, match="running"):
            await session.speak(SECOND)
        with pytest.raises(ConnectionLost, match="running"):
            await server.info()


async def test_the_end_of_the_session_ends_everything(sockets: FakeSockets, session: Session) -> None:
    events = session.events
    hearing = await sockets.accepted()
    assert hearing.path == "/v1/sessions/abc/hearing?rate=16000"
    spoken, waiting = await session.speak(SECOND), await session.speak(iter([SECOND] * 100))
    socket = await sockets.accepted()
    await socket.close(1001)
    assert (await ended(spoken)).reason == "session-ended"
    assert (await ended(waiting)).reason == "session-ended"
    with pytest.raises(SessionEnded):
        await session.speak(SECOND)
    with pytest.raises(SessionEnded):
        await session.interrupt()
    assert [event async for event in events] == []


async def test_a_session_that_ended_while_the_connection_was_broken(sockets: FakeSockets, session: Session) -> None:
    spoken = await session.speak(SECOND)
    socket = await sockets.accepted()
    await socket.next("end")
    sockets.refuse(404)
    socket.abort()
    assert (await ended(spoken)).interrupted
    async with patient(5):
        while True:
            try:
                await session.interrupt()
            except SessionEnded:
                break
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "garbage",
    [
        "no JSON",
        "[]",
        '{"state": "finished"}',
        '{"type": "playback"}',
        '{"type": "playback", "state": "melted", "k": 0}',
        '{"type": "playback", "state": "finished", "k": "7"}',
        '{"type": "playback", "state": "finished", "k": 0, "utterance": "first"}',
        "[" * 50_000,
    ],
)
async def test_nonsense_breaks_the_connection_and_nothing_else(
    sockets: FakeSockets, session: Session, garbage: str, caplog: pytest.LogCaptureFixture
) -> None:
    playback = await session.speak(SECOND)
    socket = await sockets.accepted()
    await socket.next("end")
    with caplog.at_level(logging.WARNING):
        await socket.send(garbage)
        assert (await ended(playback)).reason == "connection-lost"
    assert "given up" in caplog.text
    await (await sockets.accepted()).next("interrupt")


@pytest.mark.parametrize(
    "odd", ['{"type": "later"}', '{"type": "error"}', '{"type": "error", "error": {"status": "x"}}']
)
async def test_messages_of_a_later_server_are_passed_over(sockets: FakeSockets, session: Session, odd: str) -> None:
    playback = await session.speak(SECOND)
    socket = await sockets.accepted()
    await socket.send(odd)
    await socket.send(b"binary")
    await socket.send(json.dumps({"type": "playback", "state": "finished", "k": 0, "utterance": 0, "later": {}}))
    assert not (await ended(playback)).interrupted


async def test_a_connection_that_breaks_again_and_again_is_made_anew_more_and_more_slowly(
    sockets: FakeSockets, session: Session
) -> None:
    await session.speak(SECOND)
    began = asyncio.get_running_loop().time()
    for _ in range(5):
        (await sockets.accepted()).abort()
    assert asyncio.get_running_loop().time() - began > 0.05 + 0.1 + 0.2  # half of each pause, at least


async def test_who_speaks_is_told_once_over_utterances_that_follow_one_another(
    sockets: FakeSockets, session: Session
) -> None:
    events = session.events
    await sockets.accepted()  # of the user's activity
    await session.speak(SECOND)
    await session.speak(SECOND)
    socket = await sockets.accepted()
    await socket.next("end")
    await socket.next("end")
    await socket.tell(state="started", k=0, utterance=0)
    await socket.tell(state="finished", k=24, utterance=0)
    await socket.tell(state="started", k=25, utterance=1)
    await socket.tell(state="finished", k=49, utterance=1)
    told = [await asyncio.wait_for(anext(events), 5) for _ in range(2)]
    assert told == [AvatarActivity("speaking", 0), AvatarActivity("silent", 49)]


async def test_closing_ends_what_is_said_and_may_be_done_twice(sockets: FakeSockets, server: Livehead) -> None:
    session = server.attach("abc")
    with pytest.raises(RuntimeError, match="not open"):
        await session.speak(SECOND)
    await session.open()
    playback = await session.speak(iter([SECOND] * 100))
    socket = await sockets.accepted()
    await session.close()
    await session.close()
    assert (await ended(playback)).reason == "session-ended"
    await asyncio.wait_for(socket.closed.wait(), 5)
    with pytest.raises(SessionEnded):
        await session.speak(SECOND)
