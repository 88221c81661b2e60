"""Text to speech: Hibari, on this machine."""

import numpy as np
from hibari import SAMPLE_RATE, Hibari

RATE = SAMPLE_RATE

SILENT = 0.01
BEFORE_S, AFTER_S = 0.02, 0.25
"""What is left of the silence around a sentence: a reply begins at once, and its sentences stay apart."""


class Voice:
    """Takes about half a second to load. One text at a time."""

    def __init__(self) -> None:
        self._hibari = Hibari()
        self("Ready.")  # what it loads with its first words

    def __call__(self, text: str) -> np.ndarray:
        """Float32 samples at 24 kHz; none where there is nothing to say."""
        audio = np.asarray(self._hibari(text), np.float32)
        sounds = np.flatnonzero(np.abs(audio) > SILENT)
        if not len(sounds):
            return audio[:0]
        return audio[max(0, sounds[0] - round(BEFORE_S * RATE)) : sounds[-1] + round(AFTER_S * RATE)]
