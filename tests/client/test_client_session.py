"""Sessions of the client with a real server: spoken through, heard, interrupted, refused."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import pytest_asyncio

from api.conftest import FAKE
from api.doors import SECRET, Credentials
from backend import listener, tone
from caller import Caller
from ears import place, speech, talker
from fault_rows import Recovery
from line import Line
from livehead.client import (
    AvatarActivity,
    BackendSession,
    Livehead,
    Playback,
    PlaybackResult,
    SessionEnded,
    UserActivity,
)
from livehead.client.errors import (
    Conflict,
    Forbidden,
    Malformed,
    NotFound,
    NotImplementedHere,
    Unauthorized,
    Unprocessable,
)
from serving import Served, serving
from speech_service import SpeechService, speech_service
from waiting import patient, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service() -> AsyncIterator[SpeechService]:
    async with speech_service() as service:
        yield service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(service: SpeechService) -> AsyncIterator[Served]:
    async with serving(FAKE, max_sessions=2, tts=service.url) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def server(served: Served) -> AsyncIterator[Livehead]:
    async with Livehead(served.url, patience=8.0) as server:
        yield server
    for session in list(served.services.registry.sessions):
        session.end("test-over")
    await served.settled()


@pytest_asyncio.fixture(loop_scope="module")
async def head(server: Livehead) -> AsyncIterator[BackendSession]:
    async with server.session() as head:
        yield head


async def join(caller: Caller, head: BackendSession) -> None:
    """As a player does it, with the address and the token of the session."""
    headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {head.token}"}
    async with httpx.AsyncClient() as http:
        answer = await http.post(head.whep, content=await caller.offer(), headers=headers)
    assert answer.status_code == 201, answer.text
    await caller.accept(answer.text)
    await caller.seen(lambda frames: len(frames) > 5)


async def ended(playback: Playback, within: float = 10.0) -> PlaybackResult:
    async with patient(within):
        return await playback.finished()


async def test_what_is_said_is_heard_by_a_viewer_that_joined(server: Livehead, head: BackendSession) -> None:
    async with listener() as viewer:
        await join(viewer, head)
        events = head.events
        first, second = await head.speak(tone(0.4)), await head.speak([np.zeros(2400, np.float32)] * 2)
        assert await ended(first) == PlaybackResult("finished", 400, None)
        assert await ended(second) == PlaybackResult("finished", 200, None)
        assert sum(level > 0.05 for _, level in viewer.levels) > 10
        told = [await asyncio.wait_for(anext(events), 5) for _ in range(2)]
        assert [(type(each), each.state) for each in told] == [(AvatarActivity, "speaking"), (AvatarActivity, "silent")]
    assert (await head.stats())["source"] == "push"


async def test_a_session_has_a_look_and_is_recorded(served: Served, server: Livehead) -> None:
    async with server.session(background="#204060", record="film") as head:
        described = served.services.registry.sessions[0].describe()
        assert described["look"] == {"background": "#204060"}
        assert described["record"] == "film"
        assert (await head.stats())["source"] == "push"
    with pytest.raises(Malformed):
        await server.session(background="#20").open()


async def test_speech_waits_for_the_first_viewer(head: BackendSession) -> None:
    playback = await head.speak(tone(0.2))
    with pytest.raises(TimeoutError):
        await ended(playback, 0.3)
    async with listener() as viewer:
        await join(viewer, head)
        assert not (await ended(playback)).interrupted


async def test_an_interrupt_says_how_much_was_spoken(head: BackendSession) -> None:
    async with listener() as viewer:
        await join(viewer, head)
        spoken, waiting = await head.speak(tone(60)), await head.speak(tone(1))
        await spoken.started()
        await asyncio.sleep(0.5)
        await head.interrupt()
        assert spoken.done
        result = await ended(spoken)
        assert result.interrupted
        assert 300 <= result.spoken_ms <= 900
        assert await ended(waiting) in (PlaybackResult("interrupted", 0, None), PlaybackResult("interrupted", 0, 0))
        assert await ended(await head.speak(tone(0.2))) == PlaybackResult("finished", 200, None)


async def test_ten_minutes_of_speech_at_once_can_be_interrupted_at_once(head: BackendSession) -> None:
    async with listener() as viewer:
        await join(viewer, head)
        spoken = await head.speak(bytes(600 * 48_000))
        await spoken.started()
        async with patient(3):
            await head.interrupt()
        assert (await ended(spoken)).spoken_ms < 5_000


async def test_every_utterance_ends_once_and_what_finished_was_spoken_whole(head: BackendSession) -> None:
    chance = random.Random(12)
    async with listener() as viewer:
        await join(viewer, head)
        said: list[tuple[int, Playback]] = []
        for _ in range(30):
            milliseconds = chance.choice([40, 80, 200, 400])
            said.append((milliseconds, await head.speak(tone(milliseconds / 1000))))
            if chance.random() < 0.3:
                await asyncio.sleep(chance.uniform(0, 0.4))
                await head.interrupt()
                assert all(playback.done for _, playback in said)
        results = [(milliseconds, await ended(playback)) for milliseconds, playback in said]
        assert {result.reason for _, result in results} == {"finished", "interrupted"}
        for milliseconds, result in results:
            assert result.spoken_ms == milliseconds if not result.interrupted else result.spoken_ms <= milliseconds


async def test_the_user_is_heard(head: BackendSession) -> None:
    viewer, microphone = talker()
    said = speech()[: 2 * 16_000]
    async with viewer:
        await join(viewer, head)
        events, heard = head.events, bytearray()

        async def hear() -> None:
            async for chunk in head.hearing(rate=16_000):
                heard.extend(chunk)

        hearing = asyncio.create_task(hear())
        await until(lambda: len(heard) > 3200)
        microphone.play(said)
        told = await asyncio.wait_for(anext(events), 10)
        assert isinstance(told, UserActivity)
        assert told.state == "speaking"
        await until(lambda: not microphone.playing)
        for _ in range(20):
            had = len(heard)
            await until(lambda had=had: len(heard) > had + 16_000)
            if _found(heard, said) > 0.8:
                break
        else:
            pytest.fail("what was said was not heard")
        hearing.cancel()
        await asyncio.wait([hearing])


def _found(heard: bytearray, said: np.ndarray) -> float:
    pcm = np.frombuffer(bytes(heard), "<i2").astype(np.float32) / 32767
    return place(pcm, said)[1] if len(pcm) > len(said) else 0.0


async def test_a_session_of_a_page_is_spoken_through_and_left_alone(served: Served, server: Livehead) -> None:
    async with listener() as page, Line(served.url) as line:
        session = await line.call(page, source="push")
        await line.state("live")
        async with server.attach(session) as head:
            assert head.id == session
            assert not (await ended(await head.speak(tone(0.2)))).interrupted
        async with server.attach(session) as head:  # another backend, or the same one again
            assert not (await ended(await head.speak(tone(0.2), rate=16_000))).interrupted


async def test_leaving_ends_the_session(server: Livehead) -> None:
    async with server.session() as head:
        session = head.id
        playback = await head.speak(tone(1))
    assert (await ended(playback)).reason == "session-ended"
    async with server.attach(session) as head:
        with pytest.raises(NotFound):
            await head.stats()
        with pytest.raises(NotFound):
            await head.speak(tone(1))


async def test_the_end_of_the_session_is_noticed(served: Served, head: BackendSession) -> None:
    events = head.events
    reading = asyncio.create_task(anext(head.hearing(), None))
    playback = await head.speak(tone(1))
    await until(lambda: not reading.done())
    await asyncio.sleep(0.2)
    served.session(head.id).end("deleted")
    assert (await ended(playback)).interrupted
    assert [event async for event in events] == []
    await asyncio.wait_for(asyncio.wait([reading]), 5)
    with pytest.raises(SessionEnded):
        await head.speak(tone(1))


async def test_the_server_refuses_a_second_speaker_and_a_second_ear(server: Livehead, head: BackendSession) -> None:
    await head.speak(tone(0.1))
    events = head.events
    async with server.attach(head.id) as other:
        with pytest.raises(Conflict):
            await other.speak(tone(0.1))
        await until(lambda: head._hearing is not None and head._hearing._may_be_held)
        with pytest.raises(Conflict):
            await anext(other.hearing())
    assert events is not head.events


async def test_options_that_cannot_be_are_refused(server: Livehead) -> None:
    with pytest.raises(Unprocessable, match="never"):
        await server.session(latency="never").open()
    with pytest.raises(NotFound):
        await server.session(avatar="nobody").open()
    with pytest.raises(Malformed, match="off, auto"):
        await server.session(interrupt="always").open()  # type: ignore[arg-type]


async def test_a_full_server_says_when_to_come_back(served: Served, server: Livehead) -> None:
    async with Livehead(served.url, patience=0) as hasty, server.session() as one, server.session():
        with pytest.raises(Exception, match="503") as refused:
            await hasty.session().open()
        assert refused.value.retry_after > 0  # type: ignore[attr-defined]
        waiting = asyncio.create_task(server.session().open())
        await asyncio.sleep(0.1)
        await one.close()
        third = await asyncio.wait_for(waiting, 10)
        await third.close()


@pytest.mark.fault(
    "client",
    "The connection of a backend that speaks breaks in mid-word",
    "What had come is spoken, and the mouth closes; the next utterance goes out on a new connection.",
    within=2.0,
)
async def test_when_the_network_fails_the_portrait_falls_silent_and_the_next_utterance_is_spoken(
    head: BackendSession, recovery: Recovery
) -> None:
    async with listener() as viewer:
        await join(viewer, head)
        playback = await head.speak(tone(30))
        await playback.started()
        assert head._speech is not None
        connection = head._speech._socket._connection
        assert connection is not None
        connection.transport.abort()
        result = await ended(playback)
        broken = time.monotonic()
        assert result.reason == "connection-lost"
        again = await head.speak(tone(0.2))
        await again.started()
        spoken_again = time.monotonic() - broken
        assert await ended(again) == PlaybackResult("finished", 200, None)
        quiet = len(viewer.levels)
        await until(lambda: len(viewer.levels) > quiet + 50)
        assert all(level < 0.05 for _, level in viewer.levels[-25:])
    recovery("the next utterance is spoken, and silence follows it", spoken_again)


async def test_texts_are_said_in_their_turn(service: SpeechService, head: BackendSession) -> None:
    service.pieces = [tone(0.3)]
    async with listener() as viewer:
        await join(viewer, head)
        first = await head.speak(tone(0.3))
        await head.say("Hello there!", voice="anna")
        assert first.done
        assert service.asked[-1]["input"] == "Hello there!"
        assert not (await ended(await head.speak(tone(0.3)))).interrupted
        assert sum(level > 0.05 for _, level in viewer.levels) > 35


async def test_keys_and_tokens(tmp_path: Path) -> None:
    credentials = await asyncio.to_thread(Credentials, tmp_path / "keys.json")
    async with serving(FAKE, keys=credentials.path, token_secret=SECRET, max_sessions=2) as served:
        async with Livehead(served.url) as nobody:
            with pytest.raises(Unauthorized):
                await nobody.session().open()
            async with nobody.attach("abc") as head:
                with pytest.raises(Unauthorized):
                    await head.speak(tone(0.1))
        async with Livehead(served.url, key=credentials.alice) as server, server.session() as head:
            with pytest.raises(NotImplementedHere, match="--tts"):
                await head.say("Hello.")
            token = await server.token(["view"], session=head.id)
            assert token.expires_in > 0
            async with Livehead(served.url, key=token.token) as viewer, viewer.attach(head.id) as seen:
                assert (await seen.stats())["session"] == head.id
                with pytest.raises(Forbidden):
                    await seen.speak(tone(0.1))
                with pytest.raises(Forbidden):
                    await viewer.token(["open"])
            async with Livehead(served.url, key=head.token) as voice, voice.attach(head.id) as seen:
                await seen.speak(tone(0.1))
            async with Livehead(served.url, key=credentials.bob) as bob, bob.attach(head.id) as foreign:
                with pytest.raises((Forbidden, NotFound)):
                    await foreign.speak(tone(0.1))


async def test_what_the_server_says_of_itself(server: Livehead) -> None:
    info = await server.info()
    assert info.engine["name"] == "fake"
    assert "low" in info.latency
    assert info.sessions["max"] == 2
    assert (await server.avatars())[0].id == "default"
