"""The voice of one viewer: what its microphone recently brought, and when somebody spoke into it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from livehead.core.block import SAMPLE_RATE, Pcm
from livehead.core.voice_activity import WINDOW, Change, VoiceActivity

KEPT = SAMPLE_RATE
"""Samples that are kept for the ear: an onset lies at most half a second back, and the model is loaded by then."""

Detect = Callable[[Pcm], float]
"""The probability of speech in the next window."""


class ViewerVoice:
    """Samples lie on the viewer's own timeline, 16 kHz. Without :attr:`detect` nobody is heard speaking, and what came
    is kept for it, up to a second. ``is_echo`` is asked of each window whether it is the portrait's own voice."""

    def __init__(self, start: int, is_echo: Callable[[Pcm], bool]) -> None:
        self.detect: Detect | None = None
        self.end = start
        """The sample that comes next."""
        self._is_echo = is_echo
        self._pieces: deque[Pcm] = deque()
        self._first = start  # sample of _pieces
        self._activity = VoiceActivity(start)
        self._judged = start
        """The sample at which the next window begins."""

    @property
    def speaking(self) -> bool:
        return self._activity.speaking

    def hear(self, start: int, pcm: Pcm) -> list[Change]:
        """The next samples. What lies between them and those before is taken as silence, what overlaps is left out.
        Returns when somebody began and ceased to speak."""
        if start > self.end:
            self._keep(np.zeros(min(start - self.end, KEPT), np.float32), start)
        self._keep(pcm[max(0, self.end - start) :], start + len(pcm))
        return self._judge()

    def since(self, start: int) -> Pcm:
        """The samples from ``start`` to :attr:`end`, as far as they are kept: float32."""
        kept = np.concatenate([*self._pieces, np.zeros(0, np.float32)])
        return kept[max(0, start - self._first) :]

    @property
    def first(self) -> int:
        """The oldest sample that is kept."""
        return self._first

    def _keep(self, pcm: Pcm, end: int) -> None:
        if not len(pcm):
            return
        self._pieces.append(pcm)
        self.end = max(self.end, end)
        kept = sum(len(piece) for piece in self._pieces)
        while kept - len(self._pieces[0]) >= KEPT:
            kept -= len(self._pieces.popleft())
        self._first = self.end - kept

    def _judge(self) -> list[Change]:
        if self.detect is None or self.end - self._judged < WINDOW:
            return []
        if self._judged < self._first:  # it came before the model was there, or in a jump
            self._judged = self._first
            self._activity = VoiceActivity(self._judged)
        waiting = self.since(self._judged)
        changes = []
        for at in range(0, len(waiting) - WINDOW + 1, WINDOW):
            window = waiting[at : at + WINDOW]
            probability = self.detect(window)
            if self._is_echo(window):
                probability = 0.0
            if change := self._activity.update(probability):
                changes.append(change)
            self._judged += WINDOW
        return changes
