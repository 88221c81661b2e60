"""How often something may be done, by API key and by client address."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from livehead.core.token_bucket import TokenBucket
from livehead.errors import RateLimitError

BURST_S = 4.0
LEAST_BURST = 5.0
"""A bucket holds what its rate brings in this time, and so much at least."""

MOST_BUCKETS = 4096
"""Kept for one kind of request. The one that was used least recently is forgotten: with so many addresses at once
another limit has been reached."""


class Rate:
    """One kind of request. ``what`` names it in errors, in the plural; ``rate`` is a second; ``burst`` is how many may
    come at once, if more than usual."""

    def __init__(
        self, what: str, rate: float, clock: Callable[[], float] = time.monotonic, *, burst: float = LEAST_BURST
    ) -> None:
        self.what = what
        self._rate = rate
        self._burst = max(LEAST_BURST, rate * BURST_S, burst)
        self._clock = clock
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, *who: str) -> None:
        """Count one for each of ``who``. Raises RateLimitError, with the time to wait, where one has too many."""
        self.check(*who)
        now = self._clock()
        for each in who:
            self._bucket(each, now).take(now)

    def check(self, *who: str) -> None:
        """The same, and counts nothing."""
        now = self._clock()
        wait = max((self._bucket(each, now).wait(now) for each in who), default=0.0)
        if wait > 0:
            raise RateLimitError(
                f"Too many {self.what}: {self._allowed} are allowed. Try again in {math.ceil(wait)} s.",
                retry_after=wait,
            )

    @property
    def _allowed(self) -> str:
        return f"{self._rate:.3g} a second" if self._rate >= 1 else f"{self._rate * 60:.3g} a minute"

    def _bucket(self, who: str, now: float) -> TokenBucket:
        bucket = self._buckets.get(who)
        if bucket is None:
            bucket = self._buckets[who] = TokenBucket(self._rate, self._burst, now)
            if len(self._buckets) > MOST_BUCKETS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(who)
        return bucket
