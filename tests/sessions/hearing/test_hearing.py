"""The hearing of a session without a server: who is heard, what the ear gets, and when it is told of whom."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
import pytest_asyncio

from ears import loud, place, speech
from livehead.core.messages.from_server import UserActivity
from livehead.errors import ConflictError, MediaError, UnprocessableError
from livehead.logs import SessionLog
from livehead.sessions.hearing import models as module
from livehead.sessions.hearing.ear import Ear
from livehead.sessions.hearing.hearing import Hearing
from waiting import until

RATE = 16_000
PACKET = 320

rng = np.random.default_rng(7)


@dataclass
class Room:
    """A hearing, its clock, and the microphones that play into it, 20 ms at a time."""

    now: float = 100.0
    told: list[tuple[float, UserActivity]] = field(default_factory=list)
    heard: bytearray = field(default_factory=bytearray)
    sizes: list[int] = field(default_factory=list)
    ear_told: list[UserActivity] = field(default_factory=list)

    def __post_init__(self) -> None:
        log = SessionLog(logging.getLogger("test"), {"session": "s"})
        self.hearing = Hearing(lambda each: self.told.append((self.now, each)), log, clock=lambda: self.now)
        self.positions: dict[str, int] = {}

    def attach(self, rate: int = RATE) -> Ear:
        return self.hearing.attach(rate, self._on_audio, self.ear_told.append)

    def _on_audio(self, data: bytes) -> None:
        self.heard += data
        self.sizes.append(len(data) // 2)

    async def ready(self, *viewers: str) -> None:
        """The viewers' microphones are open, and their models loaded."""
        self.play(0.02, **{viewer: np.zeros(PACKET, np.float32) for viewer in viewers})
        voices = self.hearing._voices
        await until(lambda: all(voices[viewer].detect is not None for viewer in viewers))

    def play(self, seconds: float, **viewers: np.ndarray) -> None:
        """What each viewer says, silence behind it."""
        for step in range(round(seconds * RATE / PACKET)):
            self.now += PACKET / RATE
            for viewer, audio in viewers.items():
                part = np.zeros(PACKET, np.float32)
                given = audio[step * PACKET : (step + 1) * PACKET]
                part[: len(given)] = given
                at = self.positions.get(viewer, 0)
                self.hearing.hear(viewer, at, part)
                self.positions[viewer] = at + PACKET

    @property
    def pcm(self) -> np.ndarray:
        return np.frombuffer(bytes(self.heard), "<i2").astype(np.float32) / 32767

    def states(self) -> list[str]:
        return [each.state for _, each in self.told]


@pytest_asyncio.fixture
async def room() -> AsyncIterator[Room]:
    room = Room()
    running = asyncio.create_task(room.hearing.run())
    yield room
    running.cancel()
    await asyncio.wait([running])


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), np.float32)


def noise(seconds: float, level_db: float) -> np.ndarray:
    return loud(rng.normal(size=round(seconds * RATE)), level_db)


def word(seconds: float = 1.2) -> np.ndarray:
    """It begins with the first sample."""
    audio = speech()
    return audio[int(np.argmax(np.abs(audio) > 0.02)) :][: round(seconds * RATE)]


def onset(audio: np.ndarray) -> float:
    return float(np.argmax(np.abs(audio) > 0.02)) / RATE


@pytest.mark.parametrize("snr", [None, 20, 10, 5])
async def test_a_user_is_told_to_speak_within_a_quarter_of_a_second_and_to_be_silent(
    room: Room, snr: float | None
) -> None:
    await room.ready("a")
    audio = np.concatenate([silence(1), word(), silence(1.5)])
    if snr is not None:
        audio = audio + noise(len(audio) / RATE, -23 - snr)
    began = room.now
    room.play(len(audio) / RATE, a=audio)
    assert room.states() == ["speaking", "silent"]
    (spoke, first), (fell_silent, last) = room.told
    assert 0.0 < spoke - began - 1.0 <= 0.2
    assert -0.15 <= (first.at_ms - 20) / 1000 - 1.0 <= 0.04, "the place of the onset"
    assert 0.4 <= fell_silent - began - 2.2 <= 1.0
    assert abs((last.at_ms - 20) / 1000 - 2.2) <= 0.4, "the place of the end is before the hangover"


async def test_the_ear_gets_the_microphone_as_it_is_in_pieces_of_20_to_40_ms(room: Room) -> None:
    room.attach()
    await room.ready("a")
    audio = np.concatenate([silence(0.5), speech()])[: 9 * RATE]
    room.play(9, a=audio)
    assert len(room.pcm) == room.positions["a"]
    np.testing.assert_allclose(room.pcm[PACKET:], audio, atol=1e-4)
    assert {PACKET} == set(room.sizes)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 12_345])
async def test_the_ear_gets_its_own_rate(room: Room, rate: int) -> None:
    room.attach(rate)
    tone = (0.3 * np.sin(np.arange(4 * RATE) * 2 * np.pi * 440 / RATE)).astype(np.float32)
    room.play(4, a=tone)
    assert abs(len(room.pcm) - 4 * rate) <= 0.005 * rate
    spectrum = np.abs(np.fft.rfft(room.pcm[rate : 2 * rate]))
    assert int(np.argmax(spectrum)) == 440
    assert np.sqrt(np.mean(room.pcm[rate : 2 * rate] ** 2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.02)
    assert all(0.018 * rate <= size <= 0.042 * rate for size in room.sizes[1:])


async def test_long_and_short_pieces_become_pieces_of_20_to_40_ms(room: Room) -> None:
    room.attach()
    at = 0
    for size in (80, 80, 80, 1600, 7, 313, 5000):
        room.hearing.hear("a", at, noise(size / RATE, -30))
        at += size
    assert all(320 <= size <= 640 for size in room.sizes)
    assert at - sum(room.sizes) < 320


async def test_too_loud_a_microphone_is_clipped(room: Room) -> None:
    room.attach()
    room.hearing.hear("a", 0, np.full(PACKET, 3.0, np.float32))
    assert set(room.pcm) == {1.0}


@pytest.mark.parametrize("rate", [0, 7_999, 48_001])
async def test_an_impossible_rate_is_refused(room: Room, rate: int) -> None:
    with pytest.raises(UnprocessableError, match="8000 to 48000"):
        room.attach(rate)
    room.attach()


async def test_there_is_one_ear_and_another_when_it_has_gone(room: Room) -> None:
    first = room.attach()
    with pytest.raises(ConflictError):
        room.attach()
    room.play(0.1, a=silence(0.1))
    first.release()
    first.release()
    heard = len(room.heard)
    room.play(0.1, a=silence(0.1))
    assert len(room.heard) == heard
    await room.ready("a")
    room.attach()
    room.play(3, a=np.concatenate([silence(0.5), word()]))
    assert [each.state for each in room.ear_told] == ["speaking", "silent"]
    assert abs(room.ear_told[0].at_ms - 500) < 160, "its own timeline begins with it"


async def test_an_ear_that_comes_while_somebody_speaks_is_told_so(room: Room) -> None:
    await room.ready("a")
    room.play(0.6, a=word())
    room.attach()
    assert [(each.state, each.at_ms) for each in room.ear_told] == [("speaking", 0)]


async def test_nothing_comes_before_the_first_viewer_and_silence_after_the_last(room: Room) -> None:
    room.attach()
    await asyncio.sleep(0.1)
    assert not room.heard
    room.play(0.5, a=noise(0.5, -30))
    room.hearing.leave("a")
    room.hearing.leave("a")
    room.now += 1.0
    await until(lambda: len(room.pcm) > 1.4 * RATE)
    assert len(room.pcm) == pytest.approx(1.5 * RATE, abs=0.1 * RATE)
    assert not room.pcm[round(0.5 * RATE) :].any()
    room.play(0.5, b=noise(0.5, -30))
    assert len(room.pcm) == pytest.approx(2.0 * RATE, abs=0.1 * RATE)
    assert np.abs(room.pcm[-PACKET:]).max() > 0.01


async def test_a_speaker_who_leaves_in_mid_word_falls_silent(room: Room) -> None:
    room.attach()
    await room.ready("a")
    room.play(0.6, a=word())
    assert room.states() == ["speaking"]
    room.hearing.leave("a")
    assert room.states() == ["speaking", "silent"]
    assert room.told[-1][1].at_ms == pytest.approx(620, abs=5)


async def test_two_who_talk_in_turn_are_both_heard_from_their_first_sound(room: Room) -> None:
    room.attach()
    await room.ready("a", "b")
    one, two = word(1.2), word(2.4)[round(1.2 * RATE) :]
    began = room.now
    for _ in range(3):
        room.play(2.2, a=np.concatenate([silence(0.2), one]), b=noise(2.2, -60))
        room.play(2.2, b=np.concatenate([silence(0.2), two]), a=noise(2.2, -60))
    assert room.states() == 6 * ["speaking", "silent"]
    pcm, spans = np.concatenate([silence(0.5), room.pcm]), list(pairwise(room.ear_told))[::2]
    for k, (first, last) in enumerate(spans):
        said = (one, two)[k % 2]
        at, alike = place(pcm[first.at_ms * 16 : last.at_ms * 16 + RATE], said)
        assert alike > 0.99, (k, alike)
        assert abs(at - RATE // 2) < 0.15 * RATE
    assert abs(len(room.pcm) / RATE - (room.now - began)) < 0.3, "what was inserted is left out again"


async def test_who_began_keeps_the_floor_until_silent_then_the_next_has_it(room: Room) -> None:
    room.attach()
    await room.ready("a", "b")
    long = speech()[: 3 * RATE]
    later = np.concatenate([silence(1.5), -speech()[4 * RATE : 7 * RATE]])
    room.play(6.5, a=long, b=later)
    assert room.states() == ["speaking", "silent", "speaking", "silent"]
    handover = room.told[1][0]
    assert room.told[2][0] == handover
    assert place(room.pcm, long)[1] > 0.99
    assert place(room.pcm[3 * RATE :], later[-RATE:])[1] > 0.99


async def test_one_who_leaves_while_having_the_floor_hands_it_on(room: Room) -> None:
    await room.ready("a", "b")
    room.play(1.2, a=word(2), b=np.concatenate([silence(0.4), word(2)]))
    assert room.states() == ["speaking"]
    room.hearing.leave("a")
    assert room.states() == ["speaking", "silent", "speaking"]
    room.hearing.leave("b")
    assert room.states()[-1] == "silent"


async def test_many_turns_do_not_let_the_stream_run_away(room: Room) -> None:
    """Both interrupt each other all the time, and never is there silence to take out again."""
    room.attach()
    await room.ready("a", "b")
    began = room.now
    for k in range(12):
        speaker, other = ("a", "b") if k % 2 else ("b", "a")
        room.play(1.3, **{speaker: word(0.7), other: silence(1.3)})
        assert len(room.pcm) / RATE - (room.now - began) < 1.6


async def test_audio_that_jumps_or_comes_twice_is_no_harm(room: Room) -> None:
    room.attach()
    await room.ready("a")
    at = room.positions["a"]
    room.hearing.hear("a", at, noise(0.02, -30))
    room.hearing.hear("a", at, noise(0.02, -30))  # again
    assert len(room.pcm) == PACKET * 2
    room.hearing.hear("a", at + 5 * RATE, noise(0.02, -30))
    assert PACKET * 3 < len(room.pcm) <= RATE + PACKET * 3


async def test_what_comes_while_the_model_is_loaded_is_judged_later(room: Room) -> None:
    room.play(0.5, a=word())
    assert room.states() == []
    voices = room.hearing._voices
    await until(lambda: voices["a"].detect is not None)
    room.play(0.3, a=word()[RATE // 2 :])
    assert room.states() == ["speaking"]
    assert room.told[0][1].at_ms < 100


async def test_without_a_model_viewers_are_heard_all_the_same(
    room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing() -> None:
        raise MediaError("no model")

    monkeypatch.setattr(module, "SpeechDetector", missing)
    room.attach()
    room.play(0.1, a=word())
    await until(lambda: "no model" in caplog.text)
    room.play(1, a=word())
    assert room.states() == []
    assert len(room.pcm) == 1.1 * RATE


async def test_models_are_given_back(room: Room) -> None:
    await room.ready("a", "b")
    assert len(room.hearing._models._given) == 2
    room.hearing.leave("a")
    assert len(room.hearing._models._given) == 1


async def test_what_is_judged_of_a_voice_is_told_to_whoever_brought_it() -> None:
    """With the model there before the first sample: that is how the portrait knows what is speech."""
    log = SessionLog(logging.getLogger("test"), {"session": "s"})
    hearing = Hearing(lambda each: None, log, early=True)
    running = asyncio.create_task(hearing.run())
    await until(lambda: hearing._models._spare is not None)
    audio = np.concatenate([silence(0.5), word(0.5)])
    judged = [w for at in range(0, len(audio), PACKET) for w in hearing.hear("a", at, audio[at : at + PACKET])]
    assert [window.at for window in judged] == list(range(0, len(audio) - 511, 512))
    assert all(window.probability < 0.1 for window in judged if window.at < 0.4 * RATE)
    assert all(window.probability > 0.5 for window in judged if window.at > 0.7 * RATE)
    running.cancel()
    await asyncio.wait([running])
