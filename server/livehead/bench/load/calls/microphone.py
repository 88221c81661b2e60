"""The sound of a simulated caller, and what a detector of speech says of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from livehead.bench.load.calls.phrases import Phrases
from livehead.core.block import BLOCK_SAMPLES, Pcm
from livehead.core.voice.activity import WINDOW
from livehead.core.voice.speech_gate import JudgedWindow

LOUDNESS = 0.1
ROOM = 0.001
"""Noise of a room, −60 dBFS."""

WORD = 10
GAP = 2
"""Words of so many blocks have so many quiet ones between them, as in speech."""

SPEECH, NOISE = 0.9, 0.01
"""The probability of speech that a detector gives."""

REPEATS = 200
"""Blocks of noise after which it begins again."""


class Microphone:
    """Speech is loud noise in words."""

    def __init__(self, phrases: Phrases, seed: int) -> None:
        self.block = 0
        self.speaks = False
        self._phrases = phrases
        chance = np.random.default_rng(seed)
        self._noise = chance.standard_normal(REPEATS * BLOCK_SAMPLES).astype(np.float32)
        self._spoke: list[bool] = []
        self._judged = 0

    def next(self) -> tuple[int, Pcm, list[JudgedWindow]]:
        """The next block: its first sample, float32 ``(640,)``, and the windows that were judged before it."""
        judged = list(self._judge())
        block, self.block = self.block, self.block + 1
        self.speaks = self._phrases.speaks(block)
        self._spoke = [*self._spoke[-7:], self.speaks]
        loudness = LOUDNESS if self.speaks and block % (WORD + GAP) < WORD else ROOM
        first = block % REPEATS * BLOCK_SAMPLES
        return block * BLOCK_SAMPLES, loudness * self._noise[first : first + BLOCK_SAMPLES], judged

    def _judge(self) -> Iterator[JudgedWindow]:
        """The windows that are whole."""
        while (self._judged + 1) * WINDOW <= self.block * BLOCK_SAMPLES:
            at = self._judged * WINDOW
            speech = any(self._spoken(sample // BLOCK_SAMPLES) for sample in (at, at + WINDOW - 1))
            yield JudgedWindow(at, SPEECH if speech else NOISE)
            self._judged += 1

    def _spoken(self, block: int) -> bool:
        return self._spoke[block - self.block]
