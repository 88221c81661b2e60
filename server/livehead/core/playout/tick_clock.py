"""When the next tick is due: every 40 ms, in phase with the schedule of the segment that is sent."""

from __future__ import annotations

import math

from livehead.core.block import BLOCK_S
from livehead.core.playout.timeline import Timeline

GAP_S = BLOCK_S / 2
"""Two ticks are never closer than this."""

STALL_S = 2.5 * BLOCK_S
"""A tick that is asked for later than this has missed its time; what it should have sent is skipped."""


class TickClock:
    """``index`` counts the ticks, those that were missed included; ``nominal`` is when the last one should have been
    sent, None before the first."""

    def __init__(self) -> None:
        self.index = -1
        self.nominal: float | None = None
        self._ticked_at = -math.inf

    def due(self, timeline: Timeline) -> float | None:
        """When the next tick is due, None before the first audio."""
        upcoming = self.upcoming(timeline)
        return None if upcoming is None else max(upcoming, self._ticked_at + GAP_S)

    def upcoming(self, timeline: Timeline) -> float | None:
        """When the next tick would be due, had the last one been on time."""
        current, after = timeline.current, timeline.upcoming
        if current is None:
            return None
        if self.nominal is None:
            return current.schedule.origin
        if after is not None and after.schedule.origin <= self.nominal + BLOCK_S + GAP_S:
            return max(after.schedule.origin, self.nominal + GAP_S)
        return current.schedule.first_due(self.nominal + GAP_S)

    def tick(self, upcoming: float, now: float) -> int:
        """A tick is sent at ``now`` that was due at ``upcoming``. Returns how many were missed before it."""
        late = now - upcoming
        missed = max(0, math.floor(late / BLOCK_S)) if late > STALL_S else 0
        self.nominal = upcoming + missed * BLOCK_S
        self.index += 1 + missed
        self._ticked_at = now
        return missed
