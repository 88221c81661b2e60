"""How often a client may steer its session."""

from __future__ import annotations

import time
from collections.abc import Callable

from livehead.core.token_bucket import TokenBucket
from livehead.errors import RateLimitError

INTERRUPTS = (10.0, 40.0)
"""A second, and at once. Each may cost the engine an encoding and a window."""

CHOICES = (2.0, 10.0)
"""The same for avatars, each of which opens a stream, for presets, and for texts to say."""


class SteeringRates:
    """One session's, whoever steers it and from wherever. Each method counts one and raises RateLimitError where
    that is one too many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        now = clock()
        self._clock = clock
        self._interrupts = TokenBucket(*INTERRUPTS, now)
        self._avatars = TokenBucket(*CHOICES, now)
        self._presets = TokenBucket(*CHOICES, now)
        self._texts = TokenBucket(*CHOICES, now)

    def count_interrupt(self) -> None:
        self._take(self._interrupts, "interrupts")

    def count_avatar(self) -> None:
        self._take(self._avatars, "changes of avatar or look")

    def count_preset(self) -> None:
        self._take(self._presets, "changes of preset")

    def count_text(self) -> None:
        self._take(self._texts, "texts to say")

    def _take(self, bucket: TokenBucket, what: str) -> None:
        if wait := bucket.take(self._clock()):
            raise RateLimitError(
                f"Too many {what}: a session takes {bucket.rate:.3g} a second. Try again in {wait:.1f} s.",
                retry_after=wait,
            )
