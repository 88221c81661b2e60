"""A call's pictures and sound as Pipecat's frames."""

from __future__ import annotations

import asyncio

import numpy as np
from numpy.typing import NDArray
from pipecat.frames.frames import OutputImageRawFrame, SpeechOutputAudioRawFrame

RATE = 48_000

PAIR_NS = 40_000_000
"""Nanoseconds from one picture to the next."""

AUDIBLE = 64
"""Of 32767: coded silence stays below."""

MUTE_S = 0.4
"""How long the rest of what was interrupted may be on its way."""


class MediaFrames:
    """Each picture and its sound have the same ``pts``, in nanoseconds of the pipeline's clock.

    After :meth:`mute` the sound is silence until the portrait is silent itself: what was interrupted is still on its
    way then.
    """

    def __init__(self) -> None:
        self.audible = False
        self._pts: int | None = None
        self._muted_until: float | None = None
        self._silent = asyncio.Event()

    def mute(self, now: float) -> None:
        """``now`` in seconds of the event loop's clock."""
        self._muted_until = now + MUTE_S

    async def silent(self) -> None:
        """Wait for the next silent pair."""
        self._silent.clear()
        await self._silent.wait()

    def make(
        self, picture: NDArray[np.uint8], sound: NDArray[np.int16], clock_ns: int, now: float
    ) -> tuple[OutputImageRawFrame, SpeechOutputAudioRawFrame]:
        """``picture`` is RGB (height, width, 3); ``sound`` int16 (1920,) at 48 kHz. ``clock_ns`` is the pipeline's
        clock, taken for the first pair; ``now`` the event loop's."""
        self.audible = bool(np.abs(sound.astype(np.int32)).max(initial=0) >= AUDIBLE)
        if not self.audible:
            self._silent.set()
        if self._muted_until is not None:
            if self.audible and now < self._muted_until:
                sound, self.audible = np.zeros_like(sound), False
            else:
                self._muted_until = None
        self._pts = clock_ns if self._pts is None else self._pts + PAIR_NS
        height, width, _ = picture.shape
        image = OutputImageRawFrame(image=picture.tobytes(), size=(width, height), format="RGB")
        audio = SpeechOutputAudioRawFrame(audio=sound.tobytes(), sample_rate=RATE, num_channels=1)
        image.pts = audio.pts = self._pts
        return image, audio
