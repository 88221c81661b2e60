"""Where the session's audio lies in time: the client's, and silence while there is none.

Before the first audio the portrait idles on blocks with negative k; the client's first sample is
sample 0. A generator needs ``hop + lookahead`` blocks before it can show the first. Those of the idling are
silence, and silence is known beforehand: so many are handed over at once when the session begins, and one more
every 40 ms. The first frame is there after one step, and until block 0 is due, which has to wait for its own
hop, there are idle ones to show.

When the client falls silent altogether (no packets at all), silence fills the time that passes, so that the
portrait stays alive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from livehead.core.block import BLOCK_S, BLOCK_SAMPLES, SAMPLE_RATE, Pcm

IDLE_BLOCK = (1 << 15) - (1 << 30)
"""The first block of a session: over a year of idling before block 0. The 16 bits of it that the test code has begin
half a turn before those of block 0: whoever unwraps them sees k rise, and takes no idle frame for a first one."""

PAUSE_S = 0.2
"""Without audio for so long, silence takes its place. Longer than a jitter buffer holds back."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Samples and their place on the session's timeline. ``jump`` says that the timeline leaps to ``start``."""

    start: int
    pcm: Pcm
    jump: bool = False


class Hearing:
    """Pure: times are monotonic seconds, passed in."""

    def __init__(self, hop: int, lookahead: int) -> None:
        self._lead = hop + lookahead
        self._next = IDLE_BLOCK * BLOCK_SAMPLES
        self._base = IDLE_BLOCK
        self._began: float | None = None
        self._passed = 0
        self._heard: float | None = None
        self._heard_end = 0
        self._offset = 0
        self._filled = False

    @property
    def due(self) -> float | None:
        """When :meth:`idle` is to be called next; None for about every 40 ms."""
        if self._heard is not None or self._began is None:
            return None
        return self._began + (self._passed + 1) * BLOCK_S

    def hear(self, start: int, pcm: Pcm, now: float) -> Piece:
        """The client's samples, ``start`` on its own timeline, which begins at 0."""
        first = self._heard is None
        place = start + self._offset
        if self._filled and place < self._next:
            # Its clock stood still while ours went on: go on after the silence, or all would count as late.
            self._offset += self._next - place
            place = self._next
        self._filled = False
        self._heard = now
        self._next = max(0 if first else self._next, place + len(pcm))
        self._heard_end = self._next
        return Piece(place, pcm, jump=first)

    def set_preset(self, hop: int, lookahead: int, now: float) -> Piece | None:
        """Windows have another shape. Before the first audio the timeline leaps to a lead of the new length, which is
        given back, so that the portrait does not stand still for as long as that is."""
        self._lead = hop + lookahead
        if self._heard is not None or self._began is None:
            return None
        self._began, self._passed, self._base = now, 0, self._next // BLOCK_SAMPLES
        piece = Piece(self._next, np.zeros(self._lead * BLOCK_SAMPLES, np.float32), jump=True)
        self._next += len(piece.pcm)
        return piece

    def interrupt(self, blocks: int, now: float) -> Piece | None:
        """So many blocks of silence in place of what is dropped; what is heard from now on follows behind them.
        None before the first audio: there is nothing to drop."""
        if self._heard is None:
            return None
        start = -(-self._next // BLOCK_SAMPLES) * BLOCK_SAMPLES
        self._next = self._heard_end = start + blocks * BLOCK_SAMPLES
        self._heard = now
        self._filled = True
        return Piece(start, np.zeros(blocks * BLOCK_SAMPLES, np.float32), jump=True)

    def idle(self, now: float) -> Piece | None:
        """The silence that is due, whole blocks, or None while the client is heard."""
        if self._heard is None:
            if self._began is None:
                self._began = now
            self._passed = int((now - self._began) / BLOCK_S + 1e-6)
            until = (self._base + self._lead + self._passed) * BLOCK_SAMPLES
        elif now - self._heard > PAUSE_S:
            self._filled = True
            passed = int((now - self._heard) * SAMPLE_RATE)
            until = (self._heard_end + passed) // BLOCK_SAMPLES * BLOCK_SAMPLES
        else:
            return None
        if until <= self._next:
            return None
        piece = Piece(self._next, np.zeros(until - self._next, np.float32))
        self._next = until
        return piece
