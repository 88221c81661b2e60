"""Pushed speech: utterances come in as fast as they like, and leave block by block."""

from __future__ import annotations

from collections import deque

import numpy as np

from livehead.core.block import BLOCK_SAMPLES, SAMPLE_RATE, Pcm
from livehead.core.messages.from_server import Playback

QUEUE_S = 180.0
"""Speech that may wait to be spoken: the minute that backends may count on, and two more, so that an interrupt sent
behind a long text is read at once instead of when the text is nearly spoken."""

LULL_S = 0.5
"""Samples that come so long after those before them are no rest of an utterance that was dropped."""


class _Utterance:
    """``first`` and ``last`` are the blocks that it is spoken in so far."""

    def __init__(self) -> None:
        self.pieces: deque[Pcm] = deque()
        self.samples = 0
        self.ended = False
        self.first: int | None = None
        self.last = 0
        self.started = False
        self.told = True

    def take(self) -> Pcm:
        """The next 640 samples; what is missing is silence."""
        block = np.zeros(BLOCK_SAMPLES, np.float32)
        filled = 0
        while self.pieces and filled < BLOCK_SAMPLES:
            piece = self.pieces.popleft()
            part = piece[: BLOCK_SAMPLES - filled]
            block[filled : filled + len(part)] = part
            filled += len(part)
            if len(part) < len(piece):
                self.pieces.appendleft(piece[len(part) :])
        self.samples -= filled
        return block


class SpeechQueue:
    """The queue of one session, at most :data:`QUEUE_S` long, and what became of each utterance.

    An utterance begins with its first samples and ends with :meth:`end`. Its last block is filled up with
    silence, so that the next one begins with a block. Pure: times are monotonic seconds, passed in.
    """

    def __init__(self) -> None:
        self._waiting: deque[_Utterance] = deque()  # with samples to be spoken, or the one that is being pushed
        self._spoken: deque[_Utterance] = deque()  # begun, and not told as finished
        self._samples = 0
        self._pushed_at = -LULL_S
        self._refused = False

    @property
    def room(self) -> int:
        """Samples that may be pushed now."""
        return round(QUEUE_S * SAMPLE_RATE) - self._samples

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
        self._waiting[-1].pieces.append(pcm)
        self._waiting[-1].samples += len(pcm)
        self._samples += len(pcm)

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
        self._samples = 0
        return there

    def ready(self, blocks: int, now: float) -> bool:
        """Whether there is something to begin with: so many blocks, or a whole utterance, or what is there of one
        whose rest does not come."""
        if not self._waiting:
            return False
        head = self._waiting[0]
        lull = self._samples >= BLOCK_SAMPLES and now - self._pushed_at > LULL_S
        return self._samples >= blocks * BLOCK_SAMPLES or (head.ended and head.samples > 0) or lull

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
        before = head.samples
        block = head.take()
        self._samples -= before - head.samples
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
            if not head.ended or head.samples or k < head.last:
                break
            if head.told:
                news.append(Playback("finished", head.last))
            self._spoken.popleft()
        return news

    def _forget(self) -> None:
        while self._waiting and self._waiting[0].ended and not self._waiting[0].samples:
            self._waiting.popleft()
