"""What clients asked for with POST /start, until they send the offer that belongs to it."""

from __future__ import annotations

import time
from collections.abc import Callable

from livehead.api.small_webrtc.bodies import Wanted
from livehead.core.ids import new_id
from livehead.errors import NotFoundError

START_S = 300.0
MAX_STARTS = 1000


class Starts:
    """Each is kept for :data:`START_S` seconds. One more than :data:`MAX_STARTS`, and the oldest is forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, replica: str | None = None) -> None:
        self._replica = replica
        self._clock = clock
        self._starts: dict[str, tuple[float, Wanted]] = {}

    def add(self, wanted: Wanted) -> str:
        """Returns the id that the offer comes with."""
        now = self._clock()
        while self._starts:
            oldest = next(iter(self._starts))
            if len(self._starts) < MAX_STARTS and now - self._starts[oldest][0] < START_S:
                break
            del self._starts[oldest]
        start_id = new_id(self._replica)
        self._starts[start_id] = now, wanted
        return start_id

    def find(self, start_id: str) -> Wanted:
        """Raises NotFoundError for one that there is not, or not any more."""
        started, wanted = self._starts.get(start_id, (-START_S, Wanted()))
        if self._clock() - started >= START_S:
            raise NotFoundError(
                f"There is no such start: an offer must follow POST /start within {START_S:.0f} s. Start again."
            )
        return wanted
