"""Pushed speech: utterances come in as fast as they like, and leave block by block."""

from __future__ import annotations

from collections import deque

import numpy as np

from livehead.core.block import BLOCK_S, BLOCK_SAMPLES, Pcm
from livehead.core.messages.from_server import Playback

QUEUE_S = 180.0
"""Speech that may wait to be spoken: the minute that backends may count on, and two more, so that an interrupt sent
behind a long text is read at once instead of when the text is nearly spoken."""

CAPACITY = round(QUEUE_S / BLOCK_S)
"""The same in blocks."""

LULL_S = 0.5
"""Samples that come so long after those before them are no rest of an utterance that was dropped."""


class _Utterance:
    """``blocks`` are those that wait, each ``(640,)``; the last one has ``filled`` samples so far, and silence behind
    them. ``first`` and ``last`` are the blocks of the timeline that it was spoken in."""

    def __init__(self) -> None:
        self.blocks: deque[Pcm] = deque()
        self.filled = BLOCK_SAMPLES
        self.ended = False
        self.first: int | None = None
        self.last = 0
        self.started = False
        self.told = True

    @property
    def samples(self) -> int:
        return len(self.blocks) * BLOCK_SAMPLES - self.slack

    @property
    def slack(self) -> int:
        """Samples that its last block has room for."""
        return BLOCK_SAMPLES - self.filled if self.blocks else 0

    def push(self, pcm: Pcm) -> None:
        if self.slack:
            part, pcm = pcm[: self.slack], pcm[self.slack :]
            self.blocks[-1][self.filled : self.filled + len(part)] = part
            self.filled += len(part)
        for start in range(0, len(pcm), BLOCK_SAMPLES):
            part = pcm[start : start + BLOCK_SAMPLES]
            block = np.zeros(BLOCK_SAMPLES, np.float32)
            block[: len(part)] = part
            self.blocks.append(block)
            self.filled = len(part)


class SpeechQueue:
    """The queue of one session, at most :data:`QUEUE_S` long when it is spoken, and what became of each utterance.

    An utterance begins with its first samples and ends with :meth:`end`. Its last block is filled up with
    silence, so that the next one begins with a block. Pure: times are monotonic seconds, passed in.
    """

    def __init__(self) -> None:
        self._waiting: deque[_Utterance] = deque()  # with samples to be spoken, or the one that is being pushed
        self._spoken: deque[_Utterance] = deque()  # begun, and not told as finished
        self._blocks = 0  # that wait
        self._pushed_at = -LULL_S
        self._refused = False

    @property
    def room(self) -> int:
        """Samples that may be pushed now. An utterance takes whole blocks, however short it is."""
        slack = self._waiting[-1].slack if self._waiting and not self._waiting[-1].ended else 0
        return (CAPACITY - self._blocks) * BLOCK_SAMPLES + slack

    @property
    def unfinished(self) -> bool:
        """Whether the utterance to speak on with is still being pushed."""
        return bool(self._waiting) and not self._waiting[0].ended

    @property
    def last(self) -> int | None:
        """The last block that speech was put in and that is not told as finished, None where there is none."""
        return self._spoken[-1].last if self._spoken else None

    def push(self, pcm: Pcm, now: float) -> None:
        """More samples of the present utterance, float32 ``(n,)``. Raises ``ValueError`` past :attr:`room`."""
        if len(pcm) > self.room:
            raise ValueError(f"{len(pcm)} samples do not fit: there is room for {self.room}")
        self._refused = self._refused and now - self._pushed_at < LULL_S
        self._pushed_at = now
        if self._refused or not len(pcm):
            return
        if not self._waiting or self._waiting[-1].ended:
            self._waiting.append(_Utterance())
        before = len(self._waiting[-1].blocks)
        self._waiting[-1].push(pcm)
        self._blocks += len(self._waiting[-1].blocks) - before

    def end(self) -> None:
        """The utterance is complete."""
        self._refused = False
        if self._waiting:
            self._waiting[-1].ended = True
        self._forget()

    def leave(self) -> None:
        """Whoever pushed so far pushes no more, and is told nothing more: the utterance is complete."""
        self.end()
        for utterance in (*self._waiting, *self._spoken):
            utterance.told = False

    def clear(self, *, refuse_rest: bool) -> bool:
        """Drop all that waits, and tell nothing more of what is being spoken; the next samples begin an utterance.
        With ``refuse_rest`` those are dropped too that still come of one that is being pushed. Says whether there
        was anything."""
        there = bool(self._waiting or self._spoken)
        self._refused = refuse_rest and (self._refused or (bool(self._waiting) and not self._waiting[-1].ended))
        self._waiting.clear()
        self._spoken.clear()
        self._blocks = 0
        return there

    def ready(self, blocks: int, now: float) -> bool:
        """Whether there is something to begin with: so many blocks, or a whole utterance, or what is there of one
        whose rest does not come."""
        if not self._waiting:
            return False
        head = self._waiting[0]
        if head.ended:
            return bool(head.blocks)
        lull = head.samples >= BLOCK_SAMPLES and now - self._pushed_at > LULL_S
        return head.samples >= blocks * BLOCK_SAMPLES or lull

    def take(self, k: int) -> Pcm | None:
        """What to say in block ``k``, float32 ``(640,)``; None where there is nothing, or not enough of an utterance
        that goes on."""
        if not self._waiting:
            return None
        head = self._waiting[0]
        if head.samples < BLOCK_SAMPLES and not head.ended:
            return None
        if head.first is None:
            head.first = k
            self._spoken.append(head)
        head.last = k
        block = head.blocks.popleft()
        self._blocks -= 1
        self._forget()
        return block

    def news(self, k: int | None) -> list[Playback]:
        """What there is to tell when block ``k`` is the last that was sent. Everything is told once."""
        news: list[Playback] = []
        while k is not None and self._spoken:
            head = self._spoken[0]
            assert head.first is not None
            if k < head.first:
                break
            if not head.started:
                head.started = True
                if head.told:
                    news.append(Playback("started", min(k, head.last)))
            if not head.ended or head.blocks or k < head.last:
                break
            if head.told:
                news.append(Playback("finished", head.last))
            self._spoken.popleft()
        return news

    def _forget(self) -> None:
        while self._waiting and self._waiting[0].ended and not self._waiting[0].blocks:
            self._waiting.popleft()
