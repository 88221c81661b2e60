"""Where pushed speech lies in time: blocks of it, and silence while there is none.

A generator needs ``hop + lookahead`` blocks of audio before it can show the first. Speech comes faster than it
is spoken, so they are handed over at once when an utterance begins: the timeline leaps to a block whose lead is
there already, and from there on one block follows every 40 ms. Silence is known beforehand too, so it is
handed over the same way.
"""

from __future__ import annotations

import math

import numpy as np

from livehead.core.block import BLOCK_S, BLOCK_SAMPLES, Pcm
from livehead.core.speech_queue import Speech
from livehead.sessions.sources.mic import IDLE_BLOCK, Piece

SPARE = 2
"""Blocks beyond the lead that an utterance begins with, for sources that are no faster than real time."""

BRIEF = 3
"""So many blocks of silence within speech are played as they are. After more the timeline leaps."""

SILENCE: Pcm = np.zeros(BLOCK_SAMPLES, np.float32)


class Speaking:
    """Pure: times are monotonic seconds, passed in."""

    def __init__(self, hop: int, lookahead: int) -> None:
        self.speech = Speech()
        self._lead = hop + lookahead
        self._from: float | None = None
        self._next = IDLE_BLOCK
        self._base = IDLE_BLOCK
        self._began: float | None = None
        self._passed = 0
        self._silent = BRIEF + 1

    @property
    def due(self) -> float:
        """When :meth:`go_on` is to be called next."""
        return -math.inf if self._began is None else self._began + (self._passed + 1) * BLOCK_S

    def set_preset(self, hop: int, lookahead: int, now: float) -> Piece | None:
        """Windows have another shape. While nothing is spoken the timeline leaps to a lead of the new length, which is
        given back; else it is taken with the next leap."""
        before, self._lead = self._lead, hop + lookahead
        if self._began is not None and self._silent > BRIEF and self.speech.last is None:
            return self._leap(self._next, now, speaks=False)
        self._base += before - self._lead
        return None

    def begin(self, at: float) -> None:
        """Speech may begin at this time: the client is there to hear it."""
        self._from = at

    def go_on(self, whole: int, sent: int | None, now: float) -> Piece | None:
        """What is to be handed over now. ``whole`` is the block before which the next window becomes whole, and
        ``sent`` the last block that was sent."""
        if self._began is None:
            return self._leap(self._next, now, speaks=False)
        if self._may_leap(sent, now):
            return self._leap(max(0, self._next), now, speaks=True)
        self._passed = math.floor((now - self._began) / BLOCK_S + 1e-6)
        due = self._base + self._lead + self._passed
        start, blocks = self._next, list[Pcm]()
        while self._next < due:
            block = self.speech.take(self._next) if self._silent <= BRIEF else None
            if block is None and self._silent == 0 and self.speech.unfinished and whole > due:
                break  # the rest of the utterance may still come in time
            self._append(blocks, block)
        return Piece(start * BLOCK_SAMPLES, np.concatenate(blocks)) if blocks else None

    def interrupt(self, now: float) -> Piece:
        """The silence that comes in place of what is dropped. The queue is to be cleared before."""
        self._silent = BRIEF + 1
        return self._leap(self._next, now, speaks=False)

    def _may_leap(self, sent: int | None, now: float) -> bool:
        if self._silent <= BRIEF or self._from is None or now < self._from:
            return False
        last = self.speech.last
        if last is not None and (sent is None or sent < last):
            return False  # the end of what was said before is still to be heard
        return self.speech.ready(self._lead + SPARE, now)

    def _leap(self, block: int, now: float, *, speaks: bool) -> Piece:
        self._began, self._passed, self._base, self._next = now, 0, block, block
        blocks: list[Pcm] = []
        while len(blocks) < self._lead:
            self._append(blocks, self.speech.take(self._next) if speaks else None)
        return Piece(block * BLOCK_SAMPLES, np.concatenate(blocks), jump=True)

    def _append(self, blocks: list[Pcm], block: Pcm | None) -> None:
        blocks.append(SILENCE if block is None else block)
        self._silent = 0 if block is not None else self._silent + 1
        self._next += 1
