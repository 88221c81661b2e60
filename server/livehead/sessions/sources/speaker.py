"""A backend that speaks through a session's portrait."""

from __future__ import annotations

from collections.abc import Callable

from livehead.core.messages import Playback
from livehead.errors import MalformedError, UnprocessableError
from livehead.media.audio.pcm16 import Pcm16Decoder
from livehead.sessions.pipeline import Pipeline

MIN_RATE = 8_000
MAX_RATE = 48_000

SLICE_S = 0.25
"""Long messages are taken in parts, so that other sessions have their turn in between."""

SAMPLE_BYTES = 2


class Speaker:
    """Pushes PCM16LE mono of ``rate`` Hz; ``on_playback`` hears what becomes of it.

    :meth:`hear` waits while the queue is full. :meth:`release` gives the portrait free for another speaker; what was
    said until then is still spoken. Raises UnprocessableError for a rate that is not from 8000 to 48000.
    """

    def __init__(
        self, pipeline: Pipeline, rate: int, on_playback: Callable[[Playback], None], on_release: Callable[[], None]
    ) -> None:
        if not MIN_RATE <= rate <= MAX_RATE:
            raise UnprocessableError(f"A rate of {rate} Hz is not possible; send {MIN_RATE} to {MAX_RATE} Hz.")
        self._pipeline = pipeline
        self._decoder = Pcm16Decoder(rate)
        self._on_release = on_release
        self._released = False
        pipeline.on_playback = on_playback

    async def hear(self, data: bytes) -> None:
        """The next samples. Raises MalformedError for half a sample; nothing of such a message is taken."""
        if len(data) % SAMPLE_BYTES:
            raise MalformedError(
                f"This message has {len(data)} bytes, and half a sample: it was dropped. Samples are 2 bytes, PCM16LE."
            )
        step = round(self._decoder.rate * SLICE_S) * SAMPLE_BYTES
        for start in range(0, len(data), step):
            await self._pipeline.say(self._decoder(data[start : start + step]))

    async def end(self) -> None:
        """The utterance is complete."""
        await self._pipeline.say(self._decoder.flush())
        self._pipeline.end_speech()

    def interrupt(self) -> None:
        """Drop what was not yet spoken. Always answered with ``interrupted``."""
        self._decoder.flush()
        self._pipeline.interrupt(by_speaker=True)

    def release(self) -> None:
        """Twice is once."""
        if not self._released:
            self._released = True
            self._pipeline.leave_speech()
            self._on_release()
