"""Pushed speech: utterances come in as fast as they like, and leave block by block."""

from __future__ import annotations

from collections import deque

import numpy as np

from livehead.core.block import BLOCK_S, BLOCK_SAMPLES, Pcm
from livehead.core.speech.utterance import Utterance

QUEUE_S = 60.0
"""Speech that is taken as fast as it comes."""

MAX_S = 600.0
"""Speech that may wait to be spoken. What is beyond the first minute is taken more slowly: the server reads so far
ahead for an interrupt that may be sent behind it."""

MAX_UTTERANCES = 256
"""Utterances that may wait, however short they are: an interrupt answers each of them."""

LULL_S = 0.5
"""Samples that come so long after those before them are no rest of an utterance that was dropped."""

_CAPACITY = round(MAX_S / BLOCK_S)


class SpeechQueue:
    """The queue of one session, at most :data:`MAX_S` long when it is spoken.

    An utterance begins with its first samples and ends with :meth:`end`. They are numbered from 0, and from 0 again
    after :meth:`leave`. Pure: times are monotonic seconds, passed in.
    """

    def __init__(self) -> None:
        self._waiting: deque[Utterance] = deque()  # with samples to be spoken, or the one that is being pushed
        self._blocks = 0  # that wait
        self._count = 0
        self._pushed_at = -LULL_S
        self._refused = False

    @property
    def room(self) -> int:
        """Samples that may be pushed now. An utterance takes whole blocks, however short it is."""
        goes_on = bool(self._waiting) and not self._waiting[-1].ended
        if not goes_on and len(self._waiting) >= MAX_UTTERANCES:
            return 0
        return (_CAPACITY - self._blocks) * BLOCK_SAMPLES + (self._waiting[-1].slack if goes_on else 0)

    @property
    def seconds(self) -> float:
        """How long it takes to speak what waits."""
        return self._blocks * BLOCK_S

    @property
    def empty(self) -> bool:
        """Whether nothing waits and nothing is being pushed."""
        return not self._waiting

    @property
    def unfinished(self) -> bool:
        """Whether the utterance to speak on with is still being pushed."""
        return bool(self._waiting) and not self._waiting[0].ended

    def push(self, pcm: Pcm, now: float) -> Utterance | None:
        """More samples of the present utterance, float32 ``(n,)``. Returns the utterance that begins with them, even
        where ``n`` is 0. Raises ``ValueError`` past :attr:`room`."""
        if len(pcm) > self.room:
            raise ValueError(f"{len(pcm)} samples do not fit: there is room for {self.room}")
        self._refused = self._refused and now - self._pushed_at < LULL_S
        self._pushed_at = now
        if self._refused:
            return None
        begun: Utterance | None = None
        if not self._waiting or self._waiting[-1].ended:
            begun = Utterance(self._count)
            self._count += 1
            self._waiting.append(begun)
        self._add(self._waiting[-1], pcm)
        return begun

    def end(self) -> None:
        """The utterance is complete. One without any samples is spoken as a block of silence."""
        self._refused = False
        if self._waiting and not self._waiting[-1].ended:
            if not self._waiting[-1].samples:
                self._add(self._waiting[-1], np.zeros(1, np.float32))
            self._waiting[-1].ended = True
        self._forget()

    def leave(self) -> None:
        """Whoever pushed so far pushes no more: the utterance is complete."""
        self.end()
        self._count = 0

    def clear(self, *, refuse_rest: bool) -> None:
        """Drop all that waits; the next samples begin an utterance. With ``refuse_rest`` those are dropped too that
        still come of one that is being pushed."""
        self._refused = refuse_rest and (self._refused or (bool(self._waiting) and not self._waiting[-1].ended))
        self._waiting.clear()
        self._blocks = 0

    def ready(self, blocks: int, now: float) -> bool:
        """Whether there is something to begin with: so many blocks, or a whole utterance, or what is there of one
        whose rest does not come."""
        if not self._waiting:
            return False
        head = self._waiting[0]
        if head.ended:
            return head.blocks > 0
        lull = head.waiting >= BLOCK_SAMPLES and now - self._pushed_at > LULL_S
        return head.waiting >= blocks * BLOCK_SAMPLES or lull

    def take(self, k: int) -> Pcm | None:
        """What to say in block ``k``, float32 ``(640,)``; None where there is nothing, or not enough of an utterance
        that goes on."""
        if not self._waiting:
            return None
        head = self._waiting[0]
        if head.waiting < BLOCK_SAMPLES and not head.ended:
            return None
        self._blocks -= 1
        block = head.take(k)
        self._forget()
        return block

    def _add(self, utterance: Utterance, pcm: Pcm) -> None:
        before = utterance.blocks
        utterance.push(pcm)
        self._blocks += utterance.blocks - before

    def _forget(self) -> None:
        while self._waiting and self._waiting[0].ended and not self._waiting[0].blocks:
            self._waiting.popleft()
