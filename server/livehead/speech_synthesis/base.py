"""What every text-to-speech of the server is."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol


class Synthesizer(Protocol):
    """``rate`` is that of its audio, in Hz. Safe for many texts at once."""

    rate: int

    def synthesize(self, text: str, voice: str | None) -> AsyncGenerator[bytes, None]:
        """The speech of a short text, PCM16LE mono in whole samples, piece by piece as it is made; closing the
        generator ends the synthesis. ``voice`` None is its default.

        Raises SynthesisError where it fails, UnavailableError where it has too much to do, and UnprocessableError for
        a voice that there is not.
        """

    async def close(self) -> None:
        """Twice is once."""
