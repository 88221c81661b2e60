"""The far end of an echo: what was sent, in frames of band powers, so that a microphone can be compared with it."""

from __future__ import annotations

import numpy as np

from livehead.core.block import SAMPLE_RATE, Pcm
from livehead.core.voice.band_powers import BANDS, FRAME, BandPowers, Powers

LEAST_BANDS = 4
"""That must be audible for a frame to say anything."""

FIRST_LAG, LAST_LAG = 2, 36
"""In frames, 32 to 576 ms: the network there, the browser's jitter buffer, the room, and the network back."""

LAGS = LAST_LAG - FIRST_LAG + 1

DECAY = 0.55
"""Of the sound in a room, from frame to frame: 60 dB in 0.37 s. Longer ones are within the margin."""

KEPT = 256
"""Frames of the far end that are kept, 4 s."""

AUDIBLE = 1e-4
"""Power above which a band of the far end counts, about -55 dBFS."""

JUMP = SAMPLE_RATE // 20
"""Samples by which the far end may be early or late before it is placed anew."""

SILENT = -100.0
"""Decibels of no sound."""


class FarEnd:
    """What was sent, frame by frame, on the clock of whoever sends it; with the reverberation of a room."""

    def __init__(self) -> None:
        self._powers = BandPowers()
        self._began: float | None = None
        self._end = 0  # sample that comes next
        self._count = 0  # frame that comes next
        self._heard = -KEPT  # last frame that was audible
        self._tail = np.zeros(BANDS, np.float32)
        # Twice as many rows as are kept, every frame in two of them: so those asked for lie in one piece.
        self._levels = np.full((2 * KEPT, BANDS), SILENT, np.float32)
        self._audible = np.zeros((2 * KEPT, BANDS), np.float32)

    @property
    def began(self) -> bool:
        """Whether anything was ever sent."""
        return self._began is not None

    def push(self, pcm: Pcm, now: float) -> None:
        """The next samples, float32 at 16 kHz, were sent at this time; silence is sent, too."""
        if self._began is None:
            self._began = now
        late = round((now - self._began) * SAMPLE_RATE) - self._end
        if late > JUMP:
            self._add(np.zeros(min(late, KEPT * FRAME), np.float32))
            skipped = max(0, late // FRAME - KEPT)
            self._count += skipped
            self._end += late
        self._add(pcm)
        self._end += len(pcm)

    def frame_at(self, time: float) -> int:
        """The frame that was sent at this time."""
        return 0 if self._began is None else round((time - self._began) * SAMPLE_RATE) // FRAME

    def before(self, frame: int) -> tuple[Powers, Powers] | None:
        """Of the frames :data:`LAST_LAG` to :data:`FIRST_LAG` before this one the levels in decibels, float32
        ``(35, 12)``, and 1 where they are audible; None where nothing is."""
        first, last = frame - LAST_LAG, frame - FIRST_LAG + 1
        if self._heard < first or last > self._count + KEPT // 2 or first < self._count - KEPT:
            return None
        row = first % KEPT
        levels, audible = self._levels[row : row + LAGS], self._audible[row : row + LAGS]
        if last > self._count:  # not sent yet
            audible = audible * (np.arange(first, last) < self._count)[:, np.newaxis]
        return levels, audible

    def _add(self, pcm: Pcm) -> None:
        for power in self._powers(pcm):
            self._tail = power + DECAY * self._tail
            audible = self._tail > AUDIBLE
            level = 10 * np.log10(self._tail + 1e-10)
            for row in (self._count % KEPT, self._count % KEPT + KEPT):
                self._levels[row], self._audible[row] = level, audible
            if audible.sum() >= LEAST_BANDS:
                self._heard = self._count
            self._count += 1
