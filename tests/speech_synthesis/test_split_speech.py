from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from livehead.errors import MalformedError, SynthesisError, SynthesisTimeoutError, TooLargeError, UnprocessableError
from livehead.speech_synthesis.speech import LONGEST_S, Speech


class Slow:
    """A synthesizer that makes as many pieces as there are pauses before them."""

    rate = 8000

    def __init__(self, *pauses: float, piece: bytes = b"\0\0" * 80) -> None:
        self.texts: list[str] = []
        self.closed = 0
        self._pauses = pauses
        self._piece = piece

    async def synthesize(self, text: str, voice: str | None) -> AsyncGenerator[bytes, None]:
        self.texts.append(text)
        try:
            for pause in self._pauses:
                await asyncio.sleep(pause)
                yield self._piece
        finally:
            self.closed += 1

    async def close(self) -> None:
        pass


def speech(synthesizer: Slow, text: str = "Hello.", seconds: float = 5.0) -> Speech:
    return Speech(synthesizer, text, None, most=5000, seconds=seconds)


async def pieces(speech: Speech) -> list[bytes]:
    return [piece async for piece in speech.pieces()]


async def test_one_part_after_the_other() -> None:
    slow = Slow(0, 0)
    said = speech(slow, "One. \0 Two.\nThree. 🎉")
    assert said.characters == len("One. Two. Three.")
    assert len(await pieces(said)) == 4
    assert slow.texts == ["One.", "Two. Three."]
    assert slow.closed == 2


@pytest.mark.parametrize("text", ["", "  \n", "🎉", "…"])
def test_where_there_is_nothing_to_say(text: str) -> None:
    with pytest.raises(UnprocessableError, match="nothing to say"):
        speech(Slow(0), text)


def test_a_text_that_is_too_long_or_no_text() -> None:
    assert speech(Slow(0), "a" * 5000).characters == 5000
    with pytest.raises(TooLargeError, match="5001 characters; at most 5000"):
        speech(Slow(0), "a" * 5001)
    with pytest.raises(MalformedError, match="Unicode"):
        speech(Slow(0), "lone \ud800 surrogate")


async def test_a_synthesis_that_never_answers_is_given_up() -> None:
    slow = Slow(3600)
    with pytest.raises(SynthesisTimeoutError, match=r"sent nothing for 0\.05 s"):
        await pieces(speech(slow, seconds=0.05))
    assert slow.closed == 1


async def test_a_synthesis_that_stops_in_the_middle_is_given_up() -> None:
    slow = Slow(0, 0, 3600)
    heard = speech(slow, seconds=0.05).pieces()
    assert [len(await anext(heard)) for _ in range(2)] == [160, 160]
    with pytest.raises(SynthesisTimeoutError):
        await anext(heard)
    assert slow.closed == 1


async def test_time_that_the_listener_takes_is_not_the_synthesis() -> None:
    heard = 0
    async for _ in speech(Slow(0, 0, 0), seconds=0.05).pieces():
        await asyncio.sleep(0.1)
        heard += 1
    assert heard == 3


async def test_a_synthesis_without_audio_has_failed() -> None:
    with pytest.raises(SynthesisError, match="without any audio"):
        await pieces(speech(Slow()))


async def test_a_synthesis_without_end_is_ended() -> None:
    second = b"\0\0" * Slow.rate
    with pytest.raises(SynthesisError, match="900 s"):
        await pieces(speech(Slow(*[0] * round(LONGEST_S + 5), piece=second)))
