"""The voice of one viewer: what its microphone recently brought, and when somebody spoke into it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from livehead.core.block import SAMPLE_RATE, Pcm
from livehead.core.voice.activity import TRACE, WINDOW, Change, VoiceActivity
from livehead.core.voice.speech_gate import JudgedWindow

KEPT = SAMPLE_RATE
"""Samples that are kept: an onset lies at most half a second back, and the model is loaded in less than one."""

AT_ONCE = 2
"""Windows that are judged in one call, less than a millisecond of work. More wait where the model came late."""

Detect = Callable[[Pcm], float]
"""The probability of speech in the stream's next window."""

IsEcho = Callable[[Pcm, int], bool]
"""Whether the voice in a window is the portrait's own; the window begins at a sample of the viewer's timeline."""


class ViewerVoice:
    """Samples lie on the viewer's own timeline, 16 kHz, which begins at ``start``. Nobody is heard speaking before
    :attr:`detect` is there; what comes until then is judged later, up to a second of it."""

    def __init__(self, start: int, is_echo: IsEcho) -> None:
        self.detect: Detect | None = None
        self.wants_model = False
        self.end = start
        """The sample that comes next."""
        self.judged: list[JudgedWindow] = []
        """The windows that the last call of :meth:`hear` judged."""
        self._is_echo = is_echo
        self._kept: Pcm = np.zeros(0, np.float32)
        self._activity = VoiceActivity(start)
        self._probability = 0.0
        self._judged = start
        """The sample at which the next window begins."""

    @property
    def speaking(self) -> bool:
        return self._activity.speaking

    @property
    def quiet(self) -> bool:
        """Whether there is not even a trace of speech."""
        return not self.speaking and self._probability < TRACE

    def hear(self, start: int, pcm: Pcm) -> list[Change]:
        """The next samples. What lies between them and those before is taken as silence, what overlaps is left out.
        Returns when somebody began and ceased to speak."""
        missing = np.zeros(min(max(0, start - self.end), KEPT), np.float32)
        self._kept = np.concatenate([self._kept, missing, pcm[max(0, self.end - start) :]])[-KEPT:]
        self.end = max(self.end, start + len(pcm))
        return self._judge()

    def since(self, start: int) -> Pcm:
        """The samples from ``start`` to :attr:`end`, as far as they are kept: float32."""
        return self._kept[max(0, start - self._first) :]

    @property
    def _first(self) -> int:
        return self.end - len(self._kept)

    def _judge(self) -> list[Change]:
        self.judged = []
        if self.detect is None:
            return []
        changes = []
        if self._judged < self._first:
            if self.speaking:
                changes.append(Change(False, self._judged))
            self._judged = self._first
            self._activity = VoiceActivity(self._judged)
        for _ in range(min(AT_ONCE, (self.end - self._judged) // WINDOW)):
            window = self.since(self._judged)[:WINDOW]
            self._probability = self.detect(window)
            if self._is_echo(window, self._judged):
                self._probability = 0.0
            self.judged.append(JudgedWindow(self._judged, self._probability))
            if change := self._activity.update(self._probability):
                changes.append(change)
            self._judged += WINDOW
        return changes
