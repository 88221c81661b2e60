"""How long a session was served, and how long its portrait spoke."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from livehead.metrics import Metrics


class Speaks(Protocol):
    """See :class:`~livehead.sessions.pipeline.Pipeline`."""

    @property
    def speaking(self) -> bool: ...


class SpeechTime:
    """One session's, whose ``source`` is ``mic`` or ``push``. The time since the last look counts as speech where there
    is speech at the look: right on average, however short what is said."""

    def __init__(
        self, source: str, pipeline: Speaks, metrics: Metrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._served = metrics.session_seconds.labels(source)
        self._spoken = metrics.speech_seconds.labels(source)
        self._pipeline = pipeline
        self._clock = clock
        self._looked_at = clock()

    def measure(self) -> None:
        """Look."""
        now = self._clock()
        seconds, self._looked_at = now - self._looked_at, now
        self._served.inc(seconds)
        if self._pipeline.speaking:
            self._spoken.inc(seconds)
