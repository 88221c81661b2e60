"""Speech of no words: vowels of many pitches, as long as one likes. Each stretch of it is unlike every other."""

from __future__ import annotations

import io
import random
import wave

import numpy as np
from numpy.typing import NDArray

from livehead.bench.latency.stimulus import RATE, vowel

STOCK_S = 20.0
SYLLABLE_S = (0.08, 0.30)
REST_S = (0.03, 0.15)
LEVEL = (0.15, 0.6)
PUSH_RATE = RATE // 2

PHRASE_S = (1.0, 6.0)
SHARE = 0.4
"""Of the time that is spoken."""


class Babble:
    """``phrase`` takes a piece of a stock that is made once."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        pcm = np.zeros(round(STOCK_S * RATE), np.int16)
        at = 0
        while at < len(pcm):
            sound = vowel(self._chance.uniform(*SYLLABLE_S), self._chance.random()) * self._chance.uniform(*LEVEL)
            part = pcm[at : at + len(sound)]
            part[:] = (sound[: len(part)] * 32767).astype(np.int16)
            at += len(sound) + round(self._chance.uniform(*REST_S) * RATE)
        self._stock = pcm

    def phrase(self, most_s: float = PHRASE_S[1]) -> NDArray[np.int16]:
        """``(n,)`` at 48 kHz, 1 to 6 seconds, and not more than ``most_s``."""
        size = round(min(self._chance.uniform(*PHRASE_S), most_s) * RATE)
        begin = self._chance.randrange(len(self._stock) - size)
        return self._stock[begin : begin + size]

    def pause(self, spoken_s: float) -> float:
        """Seconds of silence after so much speech, so that speech has its share of the time."""
        return spoken_s * (1 - SHARE) / SHARE * self._chance.uniform(0.5, 1.5)


def for_push(pcm: NDArray[np.int16]) -> NDArray[np.int16]:
    """At :data:`PUSH_RATE`: babble has nothing above 4 kHz."""
    return np.ascontiguousarray(pcm[::2])


def wav(pcm: NDArray[np.int16]) -> bytes:
    """A file of it."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(pcm.astype("<i2").tobytes())
    return file.getvalue()
