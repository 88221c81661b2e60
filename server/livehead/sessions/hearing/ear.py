"""A backend that hears a session's viewers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from livehead.core.block import SAMPLE_RATE, Pcm
from livehead.core.messages.from_server import ActivityState, UserActivity
from livehead.errors import UnprocessableError
from livehead.media.audio.pcm16 import Pcm16Encoder

MIN_RATE = 8_000
MAX_RATE = 48_000

CHUNK_S = 0.02
LONGEST_S = 0.04
"""Chunks last from the one to the other."""


class Ear:
    """Gets the viewers' audio as PCM16LE mono of ``rate`` Hz by ``on_audio``, and by ``on_activity`` when they begin
    and cease to speak, on the timeline of that audio. :meth:`release` lets another ear in; nothing is told any more.

    Raises UnprocessableError for a rate that is not from 8000 to 48000.
    """

    def __init__(
        self,
        rate: int,
        position: int,
        on_audio: Callable[[bytes], None],
        on_activity: Callable[[UserActivity], None],
        on_release: Callable[[], None],
    ) -> None:
        if not MIN_RATE <= rate <= MAX_RATE:
            raise UnprocessableError(f"A rate of {rate} Hz is not possible; ask for {MIN_RATE} to {MAX_RATE} Hz.")
        self._encode = Pcm16Encoder(rate)
        self._position = position
        self._on_audio = on_audio
        self._on_activity = on_activity
        self._on_release = on_release
        self._released = False
        self._waiting: Pcm = np.zeros(0, np.float32)

    def push(self, pcm: Pcm) -> None:
        """The next samples, float32 at 16 kHz. They leave in chunks; less than the shortest waits for more."""
        self._waiting = np.concatenate([self._waiting, pcm])
        least, most = round(CHUNK_S * SAMPLE_RATE), round(LONGEST_S * SAMPLE_RATE)
        while len(self._waiting) >= least and not self._released:
            chunk, self._waiting = self._waiting[:most], self._waiting[most:]
            if data := self._encode(chunk):
                self._on_audio(data)

    def tell(self, state: ActivityState, at: int) -> None:
        """Somebody began or ceased to speak at sample ``at`` of the session's hearing."""
        if not self._released:
            at_ms = round(max(0, at - self._position) * 1000 / SAMPLE_RATE)
            self._on_activity(UserActivity(state, at_ms))

    def release(self) -> None:
        """Twice is once."""
        if not self._released:
            self._released = True
            self._on_release()
