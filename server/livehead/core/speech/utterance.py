"""One utterance that is pushed: its samples that wait, and the blocks of the timeline that the others were put in."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import BLOCK_MS, BLOCK_SAMPLES, SAMPLE_RATE, Pcm

FULL_SCALE = 32768.0

MAX_RUNS = 64
"""An utterance is spoken in one run of blocks, and in one more each time that its samples did not come in time. Of
more than so many the oldest are counted and no longer told apart."""


class Utterance:
    """It begins with its first samples. ``number`` is what its messages call it; ``ended``: it is complete.

    Samples wait as int16, in blocks of ``(640,)``. The last block of an utterance is filled up with silence, so that
    the next one begins with a block.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.ended = False
        self.samples = 0
        """Pushed so far."""
        self._blocks: deque[NDArray[np.int16]] = deque()
        self._filled = BLOCK_SAMPLES  # samples of the last block that waits
        self._runs: deque[tuple[int, int]] = deque()  # first and last block of the timeline
        self._counted = 0  # blocks of the runs that are no longer told apart

    @property
    def blocks(self) -> int:
        """Those that wait."""
        return len(self._blocks)

    @property
    def waiting(self) -> int:
        """Samples that wait."""
        return len(self._blocks) * BLOCK_SAMPLES - self.slack

    @property
    def slack(self) -> int:
        """Samples that its last block has room for."""
        return BLOCK_SAMPLES - self._filled if self._blocks else 0

    @property
    def ms(self) -> int:
        """Its length so far."""
        return round(self.samples * 1000 / SAMPLE_RATE)

    @property
    def first(self) -> int | None:
        """The first block of the timeline that it was put in, None before that."""
        return self._runs[0][0] if self._runs else None

    @property
    def last(self) -> int | None:
        """The last one so far."""
        return self._runs[-1][1] if self._runs else None

    def push(self, pcm: Pcm) -> None:
        """More samples, float32 ``(n,)``; what is beyond full scale is clipped."""
        self.samples += len(pcm)
        samples = np.clip(np.rint(pcm * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
        if self.slack:
            part, samples = samples[: self.slack], samples[self.slack :]
            self._blocks[-1][self._filled : self._filled + len(part)] = part
            self._filled += len(part)
        for start in range(0, len(samples), BLOCK_SAMPLES):
            part = samples[start : start + BLOCK_SAMPLES]
            block = np.zeros(BLOCK_SAMPLES, np.int16)
            block[: len(part)] = part
            self._blocks.append(block)
            self._filled = len(part)

    def take(self, k: int) -> Pcm:
        """Its next block, float32 ``(640,)``, which is put in block ``k``. Raises ``IndexError`` where none waits."""
        block = self._blocks.popleft()
        if self._runs and self._runs[-1][1] == k - 1:
            self._runs[-1] = (self._runs[-1][0], k)
        else:
            self._runs.append((k, k))
            if len(self._runs) > MAX_RUNS:
                first, last = self._runs.popleft()
                self._counted += last - first + 1
        return block.astype(np.float32) / np.float32(FULL_SCALE)

    def cut(self, k: int | None) -> None:
        """Drop what waits, and what was put in a block after ``k``, the last one that was sent."""
        self._blocks.clear()
        while self._runs and (k is None or self._runs[-1][0] > k):
            self._runs.pop()
        if self._runs and k is not None:
            first, last = self._runs[-1]
            self._runs[-1] = (first, min(last, k))

    def covers(self, k: int) -> bool:
        """Whether block ``k`` holds some of it."""
        return any(first <= k <= last for first, last in self._runs)

    def until(self, k: int) -> int:
        """How much of it lies in the blocks up to ``k``, that one included, in milliseconds."""
        blocks = self._counted + sum(min(last, k) - first + 1 for first, last in self._runs if first <= k)
        return min(blocks * BLOCK_MS, self.ms)
