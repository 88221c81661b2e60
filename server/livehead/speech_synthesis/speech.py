"""One text on its way to being spoken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from livehead.core.messages.fields import utf8
from livehead.errors import SynthesisError, SynthesisTimeoutError, TooLargeError, UnprocessableError
from livehead.speech_synthesis.base import Synthesizer
from livehead.speech_synthesis.sentences import parts, speakable

LONGEST_S = 900.0
"""Seconds of speech of one text. Nobody speaks 5,000 characters for so long; a service that never ends does."""

SAMPLE_BYTES = 2


class Speech:
    """The speech of ``text``, once. ``seconds`` is how long the synthesis may keep waiting for its first audio and for
    the next. ``characters`` are those that are spoken."""

    def __init__(self, synthesizer: Synthesizer, text: str, voice: str | None, *, most: int, seconds: float) -> None:
        """Raises TooLargeError for a text of more than ``most`` characters, UnprocessableError where there is nothing
        to say in it, and MalformedError for what is no Unicode text."""
        if len(text) > most:
            raise TooLargeError(f"The text has {len(text)} characters; at most {most} can be said at once.")
        utf8(text, "text")
        said = speakable(text)
        if not said:
            raise UnprocessableError('There is nothing to say: "text" has no letters, digits or signs.')
        self.rate = synthesizer.rate
        self.characters = len(said)
        self._synthesizer = synthesizer
        self._text = said
        self._voice = voice
        self._seconds = seconds

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """PCM16LE mono at ``rate``, as it is made. Raises what :meth:`Synthesizer.synthesize` raises, and
        SynthesisTimeoutError."""
        left = round(LONGEST_S * self.rate) * SAMPLE_BYTES
        for part in parts(self._text):
            async with aclosing(self._synthesizer.synthesize(part, self._voice)) as audio:
                heard = False
                while (piece := await self._next(audio)) is not None:
                    heard = True
                    left -= len(piece)
                    if left < 0:
                        raise SynthesisError(f"The text-to-speech made more than {LONGEST_S:.0f} s of one text.")
                    yield piece
                if not heard:
                    raise SynthesisError("The text-to-speech answered without any audio.")

    async def _next(self, audio: AsyncGenerator[bytes, None]) -> bytes | None:
        try:
            async with asyncio.timeout(self._seconds):
                return await anext(audio, None)
        except TimeoutError:
            raise SynthesisTimeoutError(
                f"The text-to-speech sent nothing for {self._seconds:.3g} s. Try again later; if it is always so slow, "
                "whoever runs this server may set LIVEHEAD_TTS_SECONDS."
            ) from None
