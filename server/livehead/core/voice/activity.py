"""When somebody begins and ceases to speak, from the probability of speech in each window of audio."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

WINDOW = 512
"""Samples of a window: 32 ms at 16 kHz, which is what the model takes."""

ONSET = 0.5
"""Probability above which a window counts as speech while there was none."""

STAY = 0.35
"""And while there is: lower, so that weak sounds within a word do not end it."""

CONFIRM, OUT_OF = 3, 4
"""Speech begins when so many of the last windows count: a click fills one of them, a syllable all."""

HANGOVER = 18
"""Windows without speech after which it has ended, 576 ms. Pauses within a sentence, and stops before plosives, are
shorter."""

TRACE = 0.1
LOOK_BACK = 6
"""The onset is moved back over up to so many windows with a trace of speech, and one more: soft sounds come first."""


@dataclass(frozen=True, slots=True)
class Change:
    """Speech began or ended at sample ``at`` of the stream."""

    speaking: bool
    at: int


class VoiceActivity:
    """Hysteresis, look-back and hangover. The first window begins at sample ``start``."""

    def __init__(self, start: int = 0) -> None:
        self.speaking = False
        self._position = start
        self._recent: deque[float] = deque(maxlen=OUT_OF + LOOK_BACK)
        self._quiet = 0

    def update(self, probability: float) -> Change | None:
        """The probability of speech in the next window. Returns what changed, if anything: an onset is known two to
        three windows after it, an end after the hangover."""
        self._position += WINDOW
        self._recent.append(probability)
        if self.speaking:
            self._quiet = 0 if probability >= STAY else self._quiet + 1
            if self._quiet < HANGOVER:
                return None
            self.speaking = False
            self._recent.clear()
            return Change(False, self._position - self._quiet * WINDOW)
        newest = list(self._recent)[-OUT_OF:]
        if probability < ONSET or sum(each >= ONSET for each in newest) < CONFIRM:
            return None
        self.speaking, self._quiet = True, 0
        return Change(True, self._position - self._since_onset() * WINDOW)

    def _since_onset(self) -> int:
        """Windows from the onset to now, as far as they are remembered."""
        recent = list(self._recent)
        first = next(k for k in range(max(0, len(recent) - OUT_OF), len(recent)) if recent[k] >= ONSET)
        while first > 0 and recent[first - 1] >= TRACE:
            first -= 1
        return len(recent) - max(0, first - 1)
