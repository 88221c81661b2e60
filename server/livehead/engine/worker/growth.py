"""What makes a generator faster and can wait until nobody is there."""

from __future__ import annotations

from collections.abc import Callable

from livehead.engine.base import WarmingUp
from livehead.engine.capacity.profile import Profile

QUIET_S = 3.0
"""So long nobody must have asked for anything. Who comes to a server that has just become ready comes within moments,
and would wait."""

PAUSE_S = 0.02
"""Between two parts: whoever came meanwhile goes first."""


class Growth:
    """The rest of a generator's warm-up, in parts of a second or two, and its timing after that.

    ``measure`` times the generator, ``tell`` is called with the result.
    """

    def __init__(self, generator: WarmingUp, measure: Callable[[], Profile], tell: Callable[[Profile], None]) -> None:
        self._generator = generator
        self._measure = measure
        self._tell = tell
        self._more = True
        self.patience = QUIET_S
        """How long to wait for messages before the next part, in seconds."""

    def part(self) -> Profile | None:
        """Do the next part. Blocks. Returns what the generator was measured to take where that was the last one."""
        self.patience = PAUSE_S
        if self._more:
            self._more = self._generator.warm_up_more()
            return None
        profile = self._measure()
        self._tell(profile)
        return profile
