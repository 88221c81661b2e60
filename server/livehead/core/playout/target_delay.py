"""How long blocks must wait for their frames: learnt from when frames really come."""

from __future__ import annotations

from collections import deque

from livehead.core.block import BLOCK_S
from livehead.core.latency import rank

CLEAN_S = 10.0
"""Without an underrun for so long, the delay may shrink; needs are remembered as long."""

REVIEW_S = 0.2
"""How often the needs are looked at."""

SLACK_S = 0.010
"""Kept between the aim and the bound: a tick that is a little late must not cost a block."""

STEP_S = 0.002
"""Smaller gains are not worth a change."""


class Delay:
    """The delay to keep, in seconds, between ``(hop + lookahead)`` blocks and the bound.

    A frame's *need* is the time from its block's first sample to its own coming. :attr:`least`
    is the 95th percentile of the needs plus a margin. :attr:`aim` is never under it, jumps up at
    an underrun, and comes down to it after :data:`CLEAN_S` without one. A need beyond the bound
    teaches nothing: no delay that is allowed would have saved that frame.
    """

    def __init__(self, *, hop: int, lookahead: int, bound_s: float, margin_s: float, generate_s: float) -> None:
        self._margin = margin_s
        self._generate = generate_s
        self._needs: deque[tuple[float, float]] = deque(maxlen=round(CLEAN_S / BLOCK_S))
        self._shift = 0.0
        self._clean_since: float | None = None
        self._reviewed = float("-inf")
        self.set_preset(hop, lookahead, bound_s)

    def set_preset(self, hop: int, lookahead: int, bound_s: float) -> None:
        """Start over from the least that is plausible. Raises ``ValueError`` for a bound that is
        not over the wait for hop and lookahead: nothing could ever be shown."""
        if hop < 1 or lookahead < 0:
            raise ValueError(f"hop must be at least 1 and lookahead at least 0, got {hop} and {lookahead}")
        floor = (hop + lookahead) * BLOCK_S
        if bound_s <= floor:
            raise ValueError(
                f"a bound of {bound_s * 1000:.0f} ms is not over the {floor * 1000:.0f} ms that "
                f"{hop} + {lookahead} blocks take to come in"
            )
        self.bound = bound_s
        self._most = bound_s - min(SLACK_S, (bound_s - floor) / 2)
        self.aim = self.least = min(self._most, floor + self._generate + self._margin)
        self._floor = floor
        self._needs.clear()

    def observe(self, need: float, now: float) -> None:
        """A frame came."""
        if need <= self._most:
            self._needs.append((now, need + self._shift))

    def rebase(self, by: float) -> None:
        """The estimate of when blocks were captured moved by so many seconds: every need was shorter by as much."""
        self._shift += by

    def underrun(self, now: float) -> None:
        """Something was not there when it was due."""
        self._clean_since = now

    def grow(self, need: float, now: float) -> bool:
        """Something came too late: aim at its need. False, and nothing is learnt, where that is beyond the bound."""
        self._clean_since = now
        if need > self._most:
            return False
        self.aim = max(self.aim, min(self._most, need + self._margin))
        return True

    def restart(self) -> None:
        """What comes next has nothing to do with what was: no more than the least is needed."""
        self.aim = self.least

    def review(self, now: float) -> None:
        """Look at the last needs. To be called at every tick."""
        if self._clean_since is None:
            self._clean_since = now
        if now - self._reviewed < REVIEW_S:
            return
        self._reviewed = now
        while self._needs and self._needs[0][0] < now - CLEAN_S:
            self._needs.popleft()
        if not self._needs:
            return
        p95 = rank(sorted(need for _, need in self._needs), 0.95) - self._shift
        self.least = min(self._most, max(self._floor, p95 + self._margin))
        clean = now - self._clean_since >= CLEAN_S
        if self.least > self.aim or (clean and self.least < self.aim - STEP_S):
            self.aim = self.least
