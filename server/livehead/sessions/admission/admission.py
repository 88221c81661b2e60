"""Who gets in: as many sessions as the engine was measured to hold, each at its preset, and no more than were set.

A session that leaves its preset to the server counts as at the one that takes least: it is moved there when
others come.
"""

from __future__ import annotations

from collections import Counter

from livehead.core.latency_choice import AUTO
from livehead.engine.capacity.model import Capacity
from livehead.engine.host.host import EngineHost
from livehead.errors import UnavailableError

RETRY_S = 5.0


class Admission:
    """``limit`` caps the number of sessions, None for no cap. ``taken`` in the methods counts the sessions in use by
    what they chose as latency. Before the engine was ready for the first time only the cap is known."""

    def __init__(self, limit: int | None, host: EngineHost) -> None:
        self.limit = limit
        self._host = host

    @property
    def most(self) -> int | None:
        """How many sessions there can be at once, all of them at the preset that takes least."""
        known = self._capacity
        return self.limit if known is None else self._capped(max(known.streams.values()))

    def load(self, taken: Counter[str]) -> float | None:
        """The share of the engine that is given away; 1 is full."""
        known = self._capacity
        return None if known is None else float(known.load(_counted(known, taken)))

    def refuse(self, taken: Counter[str], latency: str) -> UnavailableError | None:
        """Why one more with this choice is not let in, or None. A preset that there is not is for others to refuse."""
        if self.limit is not None and taken.total() >= self.limit:
            return UnavailableError(
                f"All {self.limit} sessions are taken. Try again when one has ended.",
                problem="full",
                retry_after=RETRY_S,
            )
        known = self._capacity
        if known is None or _counts_as(known, latency) not in known.streams or self._fits(known, taken, latency):
            return None
        return self._full(known, taken, latency, "Try again when one has ended.")

    def refuse_change(self, taken: Counter[str], before: str, after: str) -> UnavailableError | None:
        """Why a session may not go from one choice to another, or None. To one that takes less it always may."""
        known = self._capacity
        if known is None:
            return None
        has, wants = _counts_as(known, before), _counts_as(known, after)
        if wants not in known.streams or known.streams[wants] >= known.streams[has]:
            return None
        others = taken - Counter([before])
        if self._fits(known, others, after):
            return None
        return self._full(known, others, after, f"This one goes on at {before}.")

    def describe(self, taken: Counter[str], at: Counter[str]) -> dict[str, dict[str, int]]:
        """Of each preset: the sessions that are ``at`` it now, the most there can be that chose it, and how many more
        of them fit now."""
        known = self._capacity
        if known is None:
            return {}
        return {preset: {"active": at[preset], **self._places(known, taken, preset)} for preset in known.streams}

    def describe_auto(self, taken: Counter[str]) -> dict[str, int] | None:
        """The same of those that leave their preset to the server; None while it is not known."""
        known = self._capacity
        return None if known is None else {"active": taken[AUTO], **self._places(known, taken, known.cheapest)}

    @property
    def _capacity(self) -> Capacity | None:
        return self._host.capacity

    def _capped(self, most: int) -> int:
        return most if self.limit is None else min(most, self.limit)

    def _fits(self, known: Capacity, taken: Counter[str], latency: str) -> bool:
        return known.room(_counted(known, taken), _counts_as(known, latency)) > 0

    def _places(self, known: Capacity, taken: Counter[str], preset: str) -> dict[str, int]:
        room = known.room(_counted(known, taken), preset)
        if self.limit is not None:
            room = max(0, min(room, self.limit - taken.total()))
        return {"max": self._capped(known.streams[preset]), "room": room}

    def _full(self, known: Capacity, taken: Counter[str], latency: str, advice: str) -> UnavailableError:
        at = "" if latency == AUTO else f" at {latency}"
        share = round(100 * known.load(_counted(known, taken)))
        said = [
            f"The engine has no room for one more session{at}: {taken.total()} take {share} % of what it can do in "
            "real time."
        ]
        if lighter := [name for name in (*known.streams, AUTO) if self._fits(known, taken, name)]:
            said.append(f"There is room at {' and '.join(lighter)}.")
        return UnavailableError(" ".join([*said, advice]), problem="full", retry_after=RETRY_S)


def _counts_as(known: Capacity, latency: str) -> str:
    return known.cheapest if latency == AUTO else latency


def _counted(known: Capacity, taken: Counter[str]) -> Counter[str]:
    """By preset."""
    counted: Counter[str] = Counter()
    for latency, count in taken.items():
        counted[_counts_as(known, latency)] += count
    return counted
