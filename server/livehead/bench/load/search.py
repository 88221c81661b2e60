"""The largest number that holds, found in few trials. Pure."""

from __future__ import annotations

from dataclasses import dataclass

TRIALS = 4


@dataclass
class Search:
    """Ask :meth:`next` what to try and :meth:`tell` how it went, until there is nothing more to try.

    ``held`` is the largest number that held, 0 if none did; ``failed`` the smallest that did not, None if all held.
    The result is exact if they are neighbours.
    """

    first: int
    trials: int = TRIALS
    held: int = 0
    failed: int | None = None
    tried: int = 0
    _guess: int = 0

    def next(self) -> int | None:
        """What to try next; None at the end."""
        if self.tried >= self.trials:
            return None
        if self.tried == 0:
            return max(1, self.first)
        if self.failed is None:
            return max(self.held + 1, min(self._guess, 2 * self.held))
        if self.failed - self.held <= 1:
            return None
        if self.held == 0:
            return max(1, min(self._guess, self.failed - 1))
        return (self.held + self.failed + 1) // 2

    def tell(self, count: int, *, held: bool, busy: float, share: float) -> None:
        """``busy`` is the share of time in which the engine worked, ``share`` that of the frames in time; both say
        where to look next. With more streams batches are larger and a stream costs less, so the next guess is one
        more than there seems room for."""
        self.tried += 1
        if held:
            self.held = max(self.held, count)
            self._guess = int(count / max(busy, 0.1)) + 1
        else:
            self.failed = count if self.failed is None else min(self.failed, count)
            self._guess = int(count * share)
