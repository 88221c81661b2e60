"""An agent of livekit-agents speaks through a portrait in a room without a server: sessions, runner and tracks are
livekit's own, and so is what a subscriber sees and hears."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import random
import time
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice.io import PlaybackFinishedEvent
from livekit_room import Room
from livekit_speech import spoken, tone

from livehead.client import ClientError
from livehead.integrations.livekit import AvatarSession
from serving import Process
from waiting import until

EXAMPLE = Path(__file__).parents[2] / "examples/livekit/greeter.py"
SECRET = "a secret of thirty-two characters"


class Talk:
    """An agent's session whose output is a portrait in a room."""

    def __init__(self, session: AgentSession[None], avatar: AvatarSession, room: Room) -> None:
        self.session, self.avatar, self.room = session, avatar, room
        assert session.output.audio is not None
        self.output = session.output.audio
        self.finished: list[PlaybackFinishedEvent] = []
        self.started: list[float] = []
        self.output.on("playback_finished", self.finished.append)
        self.output.on("playback_started", lambda event: self.started.append(event.created_at))

    async def say(self, frames: list[rtc.AudioFrame]) -> None:
        for frame in frames:
            await self.output.capture_frame(frame)
        self.output.flush()


@contextlib.asynccontextmanager
async def talking(server: Process, *, room: Room | None = None) -> AsyncIterator[Talk]:
    room = room or Room()
    session: AgentSession[None] = AgentSession()
    avatar = AvatarSession(url=server.url, probe=True)
    await avatar.start(session, room)  # type: ignore[arg-type]
    try:
        yield Talk(session, avatar, room)
    finally:
        await avatar.aclose()
        await room.close()


@pytest.mark.soak
async def test_the_portrait_is_published_by_the_agents_participant(preview_server: Process) -> None:
    async with talking(preview_server) as talk:
        assert (talk.avatar.provider, talk.avatar.avatar_identity) == ("livehead", "agent")
        assert talk.output.sample_rate == 24_000
        assert not talk.output.can_pause
        await talk.avatar.wait_for_join(timeout=10)
        await until(lambda: len(talk.room.watched.pictures) > 50)
        published = talk.room.local_participant.track_publications.values()
        assert {(each.name, each.kind) for each in published} == {
            ("avatar_audio", rtc.TrackKind.KIND_AUDIO),
            ("avatar_video", rtc.TrackKind.KIND_VIDEO),
        }
        times = [seen.at for seen in talk.room.watched.pictures][-40:]
        assert 23 < (len(times) - 1) / (times[-1] - times[0]) < 27
        await talk.avatar.aclose()
        await talk.avatar.aclose()
        assert not talk.room.local_participant.track_publications


async def test_what_an_agent_says_is_seen_and_heard_in_step(preview_server: Process) -> None:
    async with talking(preview_server) as talk:
        await talk.session.start(Agent(instructions=""))
        await until(lambda: len(talk.room.watched.pictures) > 10)
        asked = time.monotonic()
        handle = talk.session.say("A tone of two seconds.", audio=spoken(2.0))
        await handle.wait_for_playout()
        await asyncio.sleep(0.3)
        watched = talk.room.watched
        await talk.session.aclose()
    (finished,) = talk.finished
    assert not finished.interrupted
    assert finished.playback_position == pytest.approx(2.0, abs=0.041)
    assert len(talk.started) == 1
    assert watched.heard(asked) == pytest.approx(2.0, abs=0.15)
    heard = [at for at, level in watched.levels if level > 0.05]
    seen = [picture.at for picture in watched.pictures if picture.code is not None and picture.code.loudness >= 8]
    assert abs(seen[0] - heard[0]) < 0.12
    assert abs(seen[-1] - heard[-1]) < 0.12


async def test_an_agent_that_is_interrupted_falls_silent_and_knows_how_far_it_came(preview_server: Process) -> None:
    async with talking(preview_server) as talk:
        await talk.session.start(Agent(instructions=""))
        handle = talk.session.say("A tone of ten seconds.", audio=spoken(10.0))
        watched = talk.room.watched
        await until(lambda: watched.heard(0) > 1.0)
        interrupted = time.monotonic()
        handle.interrupt()
        await handle.wait_for_playout()
        await asyncio.sleep(0.4)
        last = max(at for at, level in watched.levels if level > 0.05)
        again = talk.session.say("And a second.", audio=spoken(1.0))
        await again.wait_for_playout()
        await talk.session.aclose()
    assert last - interrupted < 0.3
    assert [event.interrupted for event in talk.finished] == [True, False]
    assert talk.finished[0].playback_position == pytest.approx(watched.heard(0, last + 0.01), abs=0.2)
    assert talk.finished[1].playback_position == pytest.approx(1.0, abs=0.041)


@pytest.mark.soak
async def test_every_segment_is_finished_once_whatever_interrupts_it(preview_server: Process) -> None:
    chance = random.Random(12)
    async with talking(preview_server) as talk:
        watched = talk.room.watched
        expected: list[tuple[float, float | None]] = []  # length, and what was heard of it where it was interrupted
        for _ in range(20):
            length, cut = chance.uniform(0.2, 1.2), chance.random() < 0.5
            before, told = watched.heard(0), len(talk.finished)
            await talk.say(tone(length))
            if cut:
                await asyncio.sleep(chance.uniform(0.0, length + 0.2))
                talk.output.clear_buffer()
            await asyncio.wait_for(talk.output.wait_for_playout(), 10)
            assert len(talk.finished) == told + 1
            await asyncio.sleep(0.25)  # what the room still holds is heard
            expected.append((length, watched.heard(0) - before if cut else None))
    assert len(talk.finished) == 20
    assert sum(heard is not None for _, heard in expected) >= 6
    for (length, heard), event in zip(expected, talk.finished, strict=True):
        if event.interrupted:
            assert heard is not None
            assert event.playback_position == pytest.approx(heard, abs=0.2)
            assert event.playback_position <= length + 0.001
        else:
            assert event.playback_position == pytest.approx(length, abs=0.041)


@pytest.mark.soak
async def test_segments_that_wait_are_all_finished_by_one_clear(preview_server: Process) -> None:
    async with talking(preview_server) as talk:
        for _ in range(3):
            await talk.say(tone(1.0))
        await until(lambda: talk.room.watched.heard(0) > 0.3)
        await talk.say(tone(1.0))
        talk.output.clear_buffer()  # the runner has seen nothing of the last one
        talk.output.clear_buffer()
        await talk.say(tone(0.5))
        await asyncio.wait_for(talk.output.wait_for_playout(), 10)
    assert [event.interrupted for event in talk.finished] == [True] * 4 + [False]
    assert 0.2 < talk.finished[0].playback_position < 0.7
    assert [event.playback_position for event in talk.finished[1:4]] == [0, 0, 0]
    assert talk.finished[4].playback_position == pytest.approx(0.5, abs=0.041)


@pytest.mark.soak
async def test_nothing_is_spoken_before_somebody_is_subscribed(preview_server: Process) -> None:
    room = Room()
    room.subscribed.clear()
    async with talking(preview_server, room=room) as talk:
        await talk.say(tone(1.0))
        await asyncio.sleep(1.5)
        assert not talk.started
        room.subscribed.set()
        await asyncio.wait_for(talk.output.wait_for_playout(), 10)
        await asyncio.sleep(0.2)
        assert room.watched.heard(0) == pytest.approx(1.0, abs=0.15)
    assert not talk.finished[0].interrupted


@pytest.mark.soak
async def test_a_segment_that_nobody_waits_for_is_cleared_before_somebody_is_subscribed(
    preview_server: Process,
) -> None:
    room = Room()
    room.subscribed.clear()
    async with talking(preview_server, room=room) as talk:
        await talk.say(tone(1.0))
        await asyncio.sleep(0.1)
        talk.output.clear_buffer()
        await asyncio.wait_for(talk.output.wait_for_playout(), 5)
    assert [(event.playback_position, event.interrupted) for event in talk.finished] == [(0, True)]


@pytest.mark.soak
async def test_an_avatar_that_is_closed_ends_what_the_agent_says_then_and_later(preview_server: Process) -> None:
    async with talking(preview_server) as talk:
        await talk.say(tone(5.0))
        await until(lambda: talk.room.watched.heard(0) > 0.3)
        await talk.avatar.aclose()
        assert [event.interrupted for event in talk.finished] == [True]
        assert talk.finished[0].playback_position > 0.2
        await talk.say(tone(1.0))
        await asyncio.wait_for(talk.output.wait_for_playout(), 1)
        assert [event.interrupted for event in talk.finished] == [True, True]


async def test_a_second_participant_joins_on_behalf_of_the_agent(
    preview_server: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined = Room("livehead-avatar-agent")
    monkeypatch.setattr(rtc, "Room", lambda: joined)
    room, session = Room(), AgentSession[None]()
    avatar = AvatarSession(url=preview_server.url)
    await avatar.start(
        session,
        room,  # type: ignore[arg-type]
        livekit_url="ws://127.0.0.1:7880",
        livekit_api_key="key",
        livekit_api_secret=SECRET,
    )
    try:
        await until(lambda: len(joined.watched.pictures) > 5)
    finally:
        await avatar.aclose()
        await joined.close()
        await room.close()
    assert avatar.avatar_identity == "livehead-avatar-agent"
    assert not room.local_participant.track_publications
    assert joined.connected_with is not None
    url, token = joined.connected_with
    assert url == "ws://127.0.0.1:7880"
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert claims["sub"] == "livehead-avatar-agent"
    assert claims["kind"] == "agent"
    assert claims["attributes"] == {"lk.publish_on_behalf": "agent"}
    assert claims["video"]["room"] == "test-room"
    assert claims["video"]["roomJoin"]
    assert not joined.isconnected()


async def test_what_is_missing_is_said(preview_server: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    room, session = Room(), AgentSession[None]()
    avatar = AvatarSession(url=preview_server.url, avatar_participant_identity="face")
    with pytest.raises(ValueError, match="LIVEKIT_API_SECRET"):
        await avatar.start(session, room)  # type: ignore[arg-type]
    with pytest.raises(ClientError, match="nobody"):
        await AvatarSession(url=preview_server.url, portrait="nobody").start(session, room)  # type: ignore[arg-type]
    assert session.output.audio is None


class Job:
    """What the example uses of a JobContext."""

    def __init__(self, room: Room) -> None:
        self.room = room

    async def connect(self) -> None:
        pass


@pytest.mark.soak
async def test_the_example_greets_whoever_is_in_the_room(
    preview_server: Process, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "hello.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(b"".join(bytes(frame.data) for frame in tone(1.5)))
    monkeypatch.setenv("GREETING", str(path))
    example = load(EXAMPLE)
    session, avatar = AgentSession[None](), AvatarSession(url=preview_server.url)
    monkeypatch.setattr(example, "AgentSession", lambda: session)
    monkeypatch.setattr(example, "AvatarSession", lambda url, portrait: avatar)
    room = Room()
    await example.greet(Job(room))
    try:
        await until(lambda: room.watched.heard(0) > 1.4)
        await until(lambda: len(room.watched.pictures) > 40)
    finally:
        await session.aclose()  # in a job, both are LiveKit's business
        await avatar.aclose()
        await room.close()


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
