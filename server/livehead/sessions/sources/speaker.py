"""A backend that speaks through a session's portrait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from livehead.core.block import SAMPLE_RATE, Pcm
from livehead.core.messages.from_server import Playback
from livehead.core.speech.queue import QUEUE_S
from livehead.errors import MalformedError, UnprocessableError
from livehead.media.audio.pcm16 import Pcm16Decoder
from livehead.sessions.pipeline import Pipeline
from livehead.sessions.sources.push import PushSource

MIN_RATE = 8_000
MAX_RATE = 48_000

SLICE_S = 0.25
"""Long messages are taken in parts, so that other sessions have their turn in between."""

READ_SPEED = 200.0
"""While more waits than is taken as fast as it comes, samples are taken at so many times the pace of speech."""

PAUSE_S = 0.01
"""The shortest time that is waited for that."""

SAMPLE_BYTES = 2


class Speaker:
    """Pushes PCM16LE mono of ``rate`` Hz; ``on_playback`` hears what becomes of it.

    :meth:`hear` and :meth:`end` wait while the queue is full, and a little while much waits in it. :meth:`interrupt`
    never waits, and may be called meanwhile: what they were to push then is dropped. :meth:`release` lets another
    speaker in; what was said until then is still spoken. Raises UnprocessableError for a rate that is not from 8000
    to 48000.
    """

    def __init__(
        self,
        source: PushSource,
        pipeline: Pipeline,
        rate: int,
        on_playback: Callable[[Playback], None],
        on_release: Callable[[], None],
        *,
        count_interrupt: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not MIN_RATE <= rate <= MAX_RATE:
            raise UnprocessableError(f"A rate of {rate} Hz is not possible; send {MIN_RATE} to {MAX_RATE} Hz.")
        self._source = source
        self._pipeline = pipeline
        self._decoder = Pcm16Decoder(rate)
        self._on_release = on_release
        self._count_interrupt = count_interrupt
        self._clock = clock
        self._released = False
        self._interrupts = 0
        self._ahead_s = 0.0
        """What was read of late beyond what is taken as fast as it comes, in seconds of speech."""
        self._may_have_room = asyncio.Event()
        source.on_playback = on_playback
        source.on_room = self._may_have_room.set

    async def hear(self, data: bytes) -> None:
        """The next samples. Raises MalformedError for half a sample; nothing of such a message is taken."""
        if len(data) % SAMPLE_BYTES:
            raise MalformedError(
                f"This message has {len(data)} bytes, and half a sample: it was dropped. Samples are 2 bytes, PCM16LE."
            )
        step = round(self._decoder.rate * SLICE_S) * SAMPLE_BYTES
        interrupts = self._interrupts
        for start in range(0, len(data), step):
            if start:
                await asyncio.sleep(0)
            if self._interrupts != interrupts or not await self._push(self._decoder(data[start : start + step])):
                return

    async def end(self) -> None:
        """The utterance is complete. Without samples before it there is none."""
        rest = self._decoder.flush()
        if not len(rest) or await self._push(rest):
            self._source.end()
            self._pipeline.poll()

    def interrupt(self) -> None:
        """Drop what was not yet spoken. Answered with ``interrupted``, whether or not there was anything. Raises
        what ``count_interrupt`` raises; nothing is dropped then."""
        self._count_interrupt()
        self._interrupts += 1
        self._decoder.flush()
        self._pipeline.interrupt(by_speaker=True)

    def close(self) -> None:
        """The session is over: whoever speaks is told the end of every utterance."""
        if not self._released:
            self._source.close(self._clock())

    def release(self) -> None:
        """Twice is once."""
        if not self._released:
            self._released = True
            self._source.leave()
            self._on_release()

    async def _push(self, pcm: Pcm) -> bool:
        """Wait for room, then queue. False where an interrupt came meanwhile: then nothing was queued."""
        before = self._interrupts
        while self._source.room < max(1, len(pcm)):
            self._may_have_room.clear()
            await self._may_have_room.wait()
            if self._interrupts != before:
                return False
        if self._source.seconds > QUEUE_S:
            self._ahead_s += len(pcm) / SAMPLE_RATE
        if self._ahead_s > PAUSE_S * READ_SPEED:
            pause, self._ahead_s = self._ahead_s / READ_SPEED, 0.0
            await asyncio.sleep(pause)
            if self._interrupts != before:
                return False
        self._source.push(pcm, self._clock())
        self._pipeline.poll()
        return True
