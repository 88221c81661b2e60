"""LiveheadVideoService in a real pipeline, against a real server."""

from __future__ import annotations

import asyncio
import itertools
import time

import httpx
import numpy as np
import pytest
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    EndFrame,
    ErrorFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    TextFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
)
from pipecat_bot import OUT, RATE, Bot, Samples, is_audible, match

from caller import Caller
from livehead.core import test_pattern as probe
from livehead.integrations.pipecat import LiveheadVideoService
from serving import Process
from voice import RATE as VOICE_RATE
from voice import sentence
from waiting import until

ALIKE = 0.75
"""Correlation of what was said and what comes out: a packet that came late costs a few hundredths."""


def spoken(seconds: float | None = None) -> Samples:
    """Speech at 24 kHz."""
    voice = sentence()
    times = np.arange(0, len(voice) / VOICE_RATE, 1 / RATE)
    speech = np.interp(times, np.arange(len(voice)) / VOICE_RATE, voice)
    speech = (speech * 20_000).astype(np.int16)
    return speech if seconds is None else np.resize(speech, int(seconds * RATE))


def loudness(sound: bytes) -> int:
    return probe.loudness(np.frombuffer(sound, np.int16).astype(np.float32) / 32768)


async def test_what_the_bot_says_comes_out_with_pictures_in_step(preview_server: Process) -> None:
    speech = spoken()
    bot = Bot(LiveheadVideoService(url=preview_server.url, probe=True))
    async with bot.running():
        await until(lambda: len(bot.pictures) > 25, 15)
        await bot.say(speech)
        await until(bot.audible, 5)
        assert not [frame for frame in bot.sounds if isinstance(frame, TTSAudioRawFrame)], "the bot is heard twice"
        await bot.end()
    assert await preview_server.active() == 0, "the session outlived the pipeline"

    sound = bot.sound
    assert match(speech, sound) > ALIKE
    assert np.abs(sound[-OUT // 25 :]).max() < 500, "the end was cut off"

    pairs = list(zip(bot.pictures, bot.sounds, strict=True))
    assert {frame.size for frame, _ in pairs} == {(256, 256)}
    assert {frame.format for frame, _ in pairs} == {"RGB"}
    assert {(frame.sample_rate, frame.num_frames) for _, frame in pairs} == {(OUT, OUT // 25)}
    assert all(picture.pts == sound.pts for picture, sound in pairs)
    assert {b.pts - a.pts for (a, _), (b, _) in itertools.pairwise(pairs)} == {40_000_000}

    codes = [probe.read(np.frombuffer(p.image, np.uint8).reshape(256, 256, 3)[:, :, 1]) for p, _ in pairs]
    assert sum(code is None for code in codes) < len(codes) / 20
    drawn = np.array([-1 if code is None else code.loudness for code in codes])
    heard = np.array([loudness(frame.audio) for _, frame in pairs])
    known = drawn >= 0

    def distance(by: int) -> float:
        """Between the loudness that the pictures show, and that of the sound so many blocks later."""
        return float(np.abs(drawn - np.roll(heard, -by))[known].mean())

    distances = {by: distance(by) for by in range(-5, 6)}
    best = min(distances, key=lambda by: distances[by])
    print(f"pictures {best} blocks off, {distances[best]:.2f} steps of loudness, TTFB {bot.ttfb}")
    assert abs(best) <= 1, distances

    [first] = bot.ttfb
    assert 0 < first < 1


@pytest.mark.soak
async def test_pictures_come_at_their_rate(preview_server: Process) -> None:
    bot = Bot(LiveheadVideoService(url=preview_server.url))
    async with bot.running():
        await until(lambda: len(bot.pictures) > 10, 15)
        first, began = len(bot.pictures), time.monotonic()
        await bot.say(spoken(4))
        await asyncio.sleep(4)
        rate = (len(bot.pictures) - first) / (time.monotonic() - began)
        print(f"{rate:.2f} pictures a second")
        assert 24 <= rate <= 26
        assert len(bot.pictures) == len(bot.sounds)


async def test_an_interruption_silences_the_portrait(preview_server: Process) -> None:
    speech = spoken()
    bot = Bot(LiveheadVideoService(url=preview_server.url))
    async with bot.running():
        await until(lambda: len(bot.pictures) > 10, 15)
        await bot.say(spoken(8))
        await until(lambda: len(bot.audible()) > 15, 5)
        at = time.monotonic()
        await bot.interrupt()
        await until(lambda: bot.below.of(InterruptionFrame), 1)
        await asyncio.sleep(1)
        late = max(bot.audible()) - at
        print(f"silent {late * 1000:.0f} ms after the interruption")
        assert late < 0.2
        before = len(bot.sounds)
        await bot.say(speech)
        await bot.end()
        after = np.concatenate([np.frombuffer(each.audio, np.int16) for each in bot.sounds[before:]])
        assert match(speech, after) > ALIKE, "the next answer is not whole"


@pytest.mark.soak
async def test_utterances_follow_one_another(preview_server: Process) -> None:
    speech = spoken()
    halves = speech[: len(speech) // 2], speech[len(speech) // 2 :]
    bot = Bot(LiveheadVideoService(url=preview_server.url))
    async with bot.running():
        await until(lambda: len(bot.pictures) > 10, 15)
        for half in halves:
            await bot.say(half)
        await bot.worker.queue_frame(TextFrame("passed on"))
        await bot.end()
    for half in halves:
        assert match(half, bot.sound) > ALIKE
    assert len(bot.below.of(TTSStartedFrame)) == 2
    assert [frame.text for frame in bot.below.of(TextFrame)] == ["passed on"]
    assert len(bot.ttfb) == 1, "the second one followed on the first"


@pytest.mark.soak
async def test_audio_of_no_tts_service_is_spoken_too(preview_server: Process) -> None:
    """Stereo, and with nothing that says where it ends."""
    speech = spoken()
    bot = Bot(LiveheadVideoService(url=preview_server.url))
    async with bot.running():
        await until(lambda: len(bot.pictures) > 10, 15)
        stereo = np.repeat(speech, 2).tobytes()
        await bot.worker.queue_frame(OutputAudioRawFrame(audio=stereo, sample_rate=RATE, num_channels=2))
        await until(bot.audible, 5)
        mouth = bot.service._mouth
        assert mouth is not None
        await until(lambda: not mouth.busy, 10)
        await bot.end()
    assert match(speech, bot.sound) > ALIKE


async def test_a_cancelled_pipeline_ends_the_session(preview_server: Process) -> None:
    bot = Bot(LiveheadVideoService(url=preview_server.url))
    async with bot.running():
        await until(lambda: len(bot.pictures) > 10, 15)
        await bot.say(spoken(8))
        await until(bot.audible, 5)
        at = time.monotonic()
        await bot.worker.cancel()
    assert time.monotonic() - at < 5
    assert await preview_server.active() == 0


@pytest.mark.soak
async def test_a_session_that_ends_is_opened_again(preview_server: Process) -> None:
    speech = spoken()
    bot = Bot(LiveheadVideoService(url=preview_server.url))
    connected: list[str] = []
    left: list[str] = []

    @bot.service.event_handler("on_connected")
    async def on_connected(service: LiveheadVideoService, session_id: str) -> None:
        connected.append(session_id)

    @bot.service.event_handler("on_disconnected")
    async def on_disconnected(service: LiveheadVideoService, session_id: str) -> None:
        left.append(session_id)

    async with bot.running():
        await until(lambda: len(bot.pictures) > 10, 15)
        assert connected == [bot.service.session_id]
        async with httpx.AsyncClient(base_url=preview_server.url) as http:
            assert (await http.delete(f"/v1/sessions/{connected[0]}")).status_code == 200
        await until(lambda: bot.above.of(ErrorFrame), 5)
        assert "heard without one" in bot.above.of(ErrorFrame)[0].error
        assert bot.service.session_id is None
        await bot.say(speech)  # nobody shows it, and everybody hears it
        await until(lambda: any(isinstance(each, TTSAudioRawFrame) for each in bot.sounds), 5)
        await until(lambda: len(connected) == 2, 15)
        seen = len(bot.pictures)
        await until(lambda: len(bot.pictures) > seen + 10, 5)
        await bot.end()
    assert left == connected
    passed = [each.audio for each in bot.sounds if isinstance(each, TTSAudioRawFrame)]
    assert b"".join(passed) == speech.tobytes()


@pytest.mark.soak
async def test_a_server_that_is_not_there(unused_tcp_port: int) -> None:
    """The bot is heard; why there is no portrait is told; in the end the service is unusable."""
    speech = spoken(1)
    service = LiveheadVideoService(url=f"http://127.0.0.1:{unused_tcp_port}", patience=0.1)
    bot = Bot(service)
    async with bot.running():
        await bot.say(speech)
        await until(lambda: not service.is_usable, 30)
        await bot.end()
    assert b"".join(each.audio for each in bot.sounds) == speech.tobytes()
    errors = bot.above.of(ErrorFrame)
    assert len(errors) == 3
    assert "No portrait: " in errors[0].error


async def test_a_refusal_is_told(preview_server: Process) -> None:
    bot = Bot(LiveheadVideoService(url=preview_server.url, avatar="nobody"))
    async with bot.running():
        await until(lambda: bot.above.of(ErrorFrame), 10)
        assert "404" in bot.above.of(ErrorFrame)[0].error
        await bot.end()


@pytest.mark.soak
async def test_the_browser_gets_the_portrait_by_whep(preview_server: Process) -> None:
    """Then nothing of it goes through the pipeline, which is told all the same that the bot speaks."""
    speech = spoken()
    service = LiveheadVideoService(url=preview_server.url, output="whep", probe=True)
    bot = Bot(service)
    with pytest.raises(RuntimeError, match="on_connected"):
        _ = service.whep
    ready = asyncio.Event()

    @service.event_handler("on_connected")
    async def on_connected(service: LiveheadVideoService, session_id: str) -> None:
        ready.set()

    async with bot.running(), Caller(audio=False) as viewer, httpx.AsyncClient() as http:
        await asyncio.wait_for(ready.wait(), 10)
        viewer.peer.addTransceiver("audio", direction="recvonly")
        headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {service.token}"}
        answer = await http.post(service.whep, content=await viewer.offer(), headers=headers)
        assert answer.status_code == 201, answer.text
        await viewer.accept(answer.text)
        await viewer.seen(lambda frames: len(frames) > 10)
        await bot.say(speech)
        await until(lambda: bot.above.of(BotStartedSpeakingFrame), 5)
        await until(lambda: any(level > 0.02 for _, level in viewer.levels), 5)
        await bot.end()
        assert len(bot.below.of(BotStartedSpeakingFrame)) == 1
        assert len(bot.above.of(BotStoppedSpeakingFrame)) == len(bot.below.of(BotStoppedSpeakingFrame)) == 1
    assert not bot.pictures
    assert not [each for each in bot.sounds if is_audible(each)]
    assert [0 < each < 1 for each in bot.ttfb] == [True]
    assert bot.below.of(EndFrame)
    assert await preview_server.active() == 0
