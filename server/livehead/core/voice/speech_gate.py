"""Which of a microphone's sound is speech, and may move lips: a gate that opens early and closes late.

It opens at the first trace of speech, long before that is sure, and looks back: soft sounds come first. Where nothing
comes of the trace within a few windows, it is taken back as if it had never been, and the gate is wary for a while. It
closes behind the pause after which :mod:`livehead.core.voice.activity` says that speech has ended.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from livehead.core.voice.activity import LOOK_BACK, ONSET, TRACE, WINDOW, VoiceActivity

TRIAL = 8
"""Windows after which a trace of speech that is not confirmed is taken back: 256 ms."""

CLICK = 2
"""So many without a trace take it back at once."""

WARY = 94
"""Windows after that in which a mere trace does not open the gate: 3 s. So a room in which dishes clatter costs little
more than a silent one."""

LAG = 6 * WINDOW
"""What the model has not judged by so many samples counts as speech: it is not loaded yet, or cannot be."""

SPANS = 16
"""Stretches of speech that are remembered: far more than blocks that wait for a window can lie in."""


class JudgedWindow(NamedTuple):
    """How likely there is speech in the window that begins at sample ``at``."""

    at: int
    probability: float


class SpeechGate:
    """Of one microphone. Before its first window was judged, everything is speech."""

    def __init__(self) -> None:
        self._activity = VoiceActivity()
        self._recent: deque[float] = deque(maxlen=LOOK_BACK + 2)
        self._judged: int | None = None
        self._since: int | None = None
        self._spans: deque[tuple[int, int]] = deque(maxlen=SPANS)
        self._trial = 0
        self._wary = 0

    @property
    def judges(self) -> bool:
        """Whether any window was judged."""
        return self._judged is not None

    def judge(self, window: JudgedWindow) -> None:
        """The next one. One that does not follow the last one begins anew."""
        if window.at != self._judged:
            self._begin(window.at)
        self._judged = window.at + WINDOW
        self._recent.append(window.probability)
        self._wary = max(0, self._wary - 1)
        change = self._activity.update(window.probability)
        if change is not None and change.speaking:
            self._since = change.at if self._since is None else min(self._since, change.at)
        elif change is not None:
            self._close(self._judged)
        elif not self._activity.speaking:
            self._try(window.probability)

    def move(self, by: int) -> None:
        """The samples to come lie so much further on than they would."""
        if self._judged is not None:
            self._judged += by

    def onset(self, end: int) -> int | None:
        """The sample since which there is speech, None while there is none. ``end`` is one past the newest sample."""
        if self._judged is None:
            return 0
        if self._since is None and end - self._judged > LAG:
            return self._judged
        return self._since

    def is_speech(self, start: int, end: int) -> bool:
        """Whether any of samples ``[start, end)``, which have come lately, are speech as far as is known now."""
        if self._judged is None or end - self._judged > LAG:
            return True
        if self._since is not None and end > self._since:
            return True
        return any(first < end and start < last for first, last in self._spans)

    def _begin(self, at: int) -> None:
        if self._judged is None:
            self._spans.append((0, at))
        elif self._since is not None:
            self._close(self._judged)
        self._activity = VoiceActivity(at)
        self._recent.clear()

    def _close(self, at: int) -> None:
        assert self._since is not None
        self._spans.append((self._since, at))
        self._since = None

    def _try(self, probability: float) -> None:
        if self._since is None:
            if probability >= (ONSET if self._wary else TRACE):
                self._since, self._trial = self._traced(), 0
            return
        self._trial += 1
        newest = list(self._recent)[-CLICK:]
        if self._trial >= TRIAL or all(each < TRACE for each in newest):
            self._since, self._wary = None, WARY

    def _traced(self) -> int:
        """The start of the windows up to now that have a trace of speech, and of one more."""
        assert self._judged is not None
        windows = 1
        for each in list(self._recent)[-2::-1]:
            windows += 1
            if each < TRACE:
                break
        return self._judged - windows * WINDOW
