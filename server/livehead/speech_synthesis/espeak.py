"""eSpeak NG, a formant synthesizer that is everywhere: https://github.com/espeak-ng/espeak-ng"""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator

from livehead.errors import SynthesisError, UnprocessableError, UsageError
from livehead.speech_synthesis.command import Command, running

COMMAND = "espeak-ng"

RATE = 22_050
"""Hz, of all its own voices."""

PIECE = 8192
"""Bytes of a piece of audio, at most: an even number."""

DEFAULT_VOICE = "en-us"

MAX_TOLD = 200
"""Characters of its error messages that are passed on."""

_RIFF_HEADER = 44


class Espeak:
    """A :class:`~livehead.speech_synthesis.base.Synthesizer`. Each text is a process of its own, which reads the text
    from its standard input, and is killed when its speech is not wanted any more. Voices are its languages, such as
    ``en-us`` or ``de``, with or without one of its variants, as in ``en-us+f3``."""

    def __init__(self, voice: str | None) -> None:
        """Raises UsageError where the command is not installed."""
        path = shutil.which(COMMAND)
        if path is None:
            raise UsageError(
                f"--tts espeak needs the command {COMMAND}, which is not here: apt-get install {COMMAND}, or see the "
                "package manager of your system."
            )
        self.rate = RATE
        self._path = path
        self._default = voice or DEFAULT_VOICE
        self._voices: frozenset[str] | None = None
        self._variants: frozenset[str] | None = None

    async def _check(self, voice: str | None) -> None:
        """Raises UnprocessableError for a voice that it does not list: it takes paths as well."""
        if self._voices is None or self._variants is None:
            self._voices = await self._list("--voices", 1)
            self._variants = await self._list("--voices=variant", 4)
        language, plus, variant = (voice or self._default).partition("+")
        if language not in self._voices or (plus and variant not in self._variants):
            some = ", ".join(each for each in ("en-us", "en-gb", "de", "fr-fr", "es") if each in self._voices)
            raise UnprocessableError(
                f"There is no voice {voice or self._default!r}. Voices are the languages of {COMMAND}: {some}, … "
                f"({COMMAND} --voices lists all), with a variant if you like, as in en-us+f3.",
                problem="unknown-voice",
            )

    async def synthesize(self, text: str, voice: str | None) -> AsyncGenerator[bytes, None]:
        """See :class:`Synthesizer`."""
        await self._check(voice)
        command = (self._path, "-b", "1", "-z", "-v", voice or self._default, "--stdin", "--stdout")
        said = text.replace("[[", "[ [")  # what stands in [[ ]] would be phonemes
        try:
            async with running(command, said) as process:
                await self._check_rate(process, voice)
                rest = b""
                while piece := await process.read(PIECE):
                    piece = rest + piece
                    whole = len(piece) & ~1
                    rest = piece[whole:]
                    if whole:
                        yield piece[:whole]
                code, told = await process.finish()
                if code:
                    raise SynthesisError(f"{COMMAND} failed: {told[:MAX_TOLD] or code}")
        except OSError as error:
            raise SynthesisError(f"{COMMAND} cannot be started: {error}.") from None

    async def close(self) -> None:
        """There is nothing to close: each process ends with its text."""

    async def _check_rate(self, process: Command, voice: str | None) -> None:
        """Reads what stands in front of the samples, the header of a WAV file of unknown length."""
        header = b""
        while len(header) < _RIFF_HEADER and (more := await process.read(_RIFF_HEADER - len(header))):
            header += more
        if header[:4] == b"RIFF" and int.from_bytes(header[24:28], "little") != RATE:
            raise SynthesisError(f"The voice {voice or self._default!r} of {COMMAND} is not of {RATE} Hz.")

    async def _list(self, option: str, column: int) -> frozenset[str]:
        try:
            async with running((self._path, option)) as process:
                output = bytearray()
                while more := await process.read():
                    output += more
        except OSError as error:
            raise SynthesisError(f"{COMMAND} cannot be started: {error}.") from None
        rows = [line.split() for line in output.decode(errors="replace").splitlines()[1:]]
        return frozenset(row[column].removeprefix("!v/") for row in rows if len(row) > column)
