"""What sessions ask of the engine, and a reserve for those who begin to speak. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from livehead.core.governor.costs import Costs

SPREADS = 1.25
"""Standard deviations that are kept free. So many are passed for a phrase or two in ten, and the engine has a margin
beside them. More of them make delays longer and spare few late frames; ``bench/load/day.py`` shows it."""

ROOMY_SPREADS = 1.6
"""So many where a session is to go down in delay: the difference keeps it from going up again soon. Where all talk all
the time nothing is uncertain, and they fill the engine."""

FITS = 1 + 1e-9
"""The whole engine; sums of shares are not exact."""


class Demand:
    """The demand of sessions at presets, as they are changed one by one. ``speech`` is the share of the time that each
    is reckoned to speak."""

    def __init__(self, costs: Costs, speech: Mapping[str, float], presets: Mapping[str, str]) -> None:
        self._costs = costs
        self._speech = speech
        self._presets = dict(presets)
        self._parts = {session: self._part(session, preset) for session, preset in presets.items()}

    def preset(self, session: str) -> str:
        return self._presets[session]

    def set(self, session: str, preset: str) -> None:
        self._presets[session] = preset
        self._parts[session] = self._part(session, preset)

    def add(self, session: str, preset: str) -> None:
        """One more, who speaks."""
        self._speech = {**self._speech, session: 1.0}
        self.set(session, preset)

    def total(self, changed: str | None = None, preset: str | None = None, *, roomy: bool = False) -> float:
        """Of all, and never more than if all spoke; with one session ``changed``, as if it were. ``roomy`` keeps more
        free."""
        parts = self._parts
        if changed is not None and preset is not None:
            parts = parts | {changed: self._part(changed, preset)}
        mean = sum(part.mean for part in parts.values())
        spread = (ROOMY_SPREADS if roomy else SPREADS) * math.sqrt(sum(part.variance for part in parts.values()))
        reserve = max(spread, max((part.more for part in parts.values()), default=0.0))
        return min(mean + reserve, sum(part.mean + part.more for part in parts.values()))

    def has_room(self, session: str, preset: str) -> bool:
        """Whether it could go over to a preset of lower delay: with room to spare, or where that takes no more."""
        then = self.total(session, preset, roomy=True)
        return then <= FITS or then <= self.total(roomy=True)

    def _part(self, session: str, preset: str) -> _Part:
        share, silent = self._speech[session], self._costs.silent[preset]
        extra = max(0.0, self._costs.speaking[preset] - silent)
        return _Part(silent + share * extra, share * (1 - share) * extra * extra, (1 - share) * extra)


class _Part(NamedTuple):
    """Of one session: what it takes on average, the variance of that, and how much more while it speaks."""

    mean: float
    variance: float
    more: float
