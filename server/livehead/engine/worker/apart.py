"""For how long streams are stepped one by one after a step that some of them shared has failed."""

from __future__ import annotations

FIRST_S = 10.0
MOST_S = 300.0


class Apart:
    """A stream that is at fault is found when each is stepped by itself. Where none is, the step was too large, for a
    device without memory say, and would fail again: with each time in a row it is tried half as often."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._until = -1.0

    def failed(self, now: float) -> None:
        """A shared step failed."""
        self._seconds = min(max(FIRST_S, 2 * self._seconds), MOST_S)
        self._until = now + self._seconds

    def well(self) -> None:
        """A shared step did well."""
        self._seconds = 0.0

    def lasts(self, now: float) -> bool:
        return now < self._until
