"""What the user says, turn by turn, cut out of the sound of the microphone."""

from collections import deque

import numpy as np

RATE = 16_000

BEFORE_S = 0.5
"""A turn begins so long before the server tells that the user speaks: it takes a moment to be sure."""

LONGEST_S = 30.0
"""Of a longer turn the end is kept."""


class Ears:
    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._kept = 0
        self._speaking = False

    def hear(self, chunk: bytes) -> None:
        """The next PCM16LE samples."""
        self._chunks.append(chunk)
        self._kept += len(chunk)
        most = (LONGEST_S if self._speaking else BEFORE_S) * RATE * 2
        while self._kept - len(self._chunks[0]) > most:
            self._kept -= len(self._chunks.popleft())

    def begin(self) -> None:
        """The user speaks."""
        self._speaking = True

    def end(self) -> np.ndarray:
        """The user has spoken: float32 samples of the turn."""
        self._speaking = False
        turn = np.frombuffer(b"".join(self._chunks), "<i2").astype(np.float32) / 32768
        self._chunks.clear()
        self._kept = 0
        return turn
