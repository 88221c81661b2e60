"""What sessions ask of the engine, and a reserve for those who begin to speak. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from livehead.core.governor.costs import Costs

SPREADS = 1.0
"""Standard deviations that are kept free. One is passed a sixth of the time at most, by a phrase or two, and the engine
has a margin beside it."""

ROOMY = 0.97
"""The share of the engine up to which sessions go down in delay; the rest keeps them from going up again soon."""

FITS = 1 + 1e-9
"""The whole engine; sums of shares are not exact."""


class Demand:
    """The demand of sessions at presets, as they are changed one by one."""

    def __init__(self, costs: Costs, speech: Mapping[str, float], presets: Mapping[str, str]) -> None:
        self._costs = costs
        self._speech = speech
        self._presets = dict(presets)

    def preset(self, session: str) -> str:
        return self._presets[session]

    def set(self, session: str, preset: str) -> None:
        self._presets[session] = preset

    def total(self, changed: str | None = None, preset: str | None = None) -> float:
        """Of all; with one session ``changed``, as if it were."""
        mean = variance = more = 0.0
        for session, its in self._presets.items():
            name = preset if session == changed and preset is not None else its
            share = self._speech[session]
            silent = self._costs.silent[name]
            extra = max(0.0, self._costs.speaking[name] - silent)
            mean += silent + share * extra
            variance += share * (1 - share) * extra * extra
            more = max(more, (1 - share) * extra)
        return mean + max(SPREADS * math.sqrt(variance), more)

    def has_room(self, session: str, preset: str) -> bool:
        """Whether it could go over to a preset of lower delay: within :data:`ROOMY`, or where that takes no more."""
        then = self.total(session, preset)
        return then <= ROOMY or then <= self.total()
