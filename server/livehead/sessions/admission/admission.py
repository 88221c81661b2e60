"""Who gets in: as many sessions as the engine was measured to hold, each at its preset, and no more than were set."""

from __future__ import annotations

from collections import Counter

from livehead.engine.capacity.model import Capacity
from livehead.engine.host.host import EngineHost
from livehead.errors import UnavailableError

RETRY_S = 5.0


class Admission:
    """``limit`` caps the number of sessions, None for no cap. ``taken`` in the methods counts the sessions in use at
    each preset. Before the engine was ready for the first time only the cap is known."""

    def __init__(self, limit: int | None, host: EngineHost) -> None:
        self.limit = limit
        self._host = host

    @property
    def most(self) -> int | None:
        """How many sessions there can be at once, all of them at the preset that takes least."""
        known = self._capacity
        return self.limit if known is None else self._capped(max(known.streams.values()))

    def load(self, taken: Counter[str]) -> float | None:
        """The share of the engine that is in use; 1 is full."""
        known = self._capacity
        return None if known is None else float(known.load(taken))

    def refuse(self, taken: Counter[str], preset: str) -> UnavailableError | None:
        """Why one more at ``preset`` is not let in, or None. A preset that there is not is for others to refuse."""
        if self.limit is not None and taken.total() >= self.limit:
            return UnavailableError(
                f"All {self.limit} sessions are taken. Try again when one has ended.",
                problem="full",
                retry_after=RETRY_S,
            )
        known = self._capacity
        if known is None or preset not in known.streams or known.room(taken, preset):
            return None
        return self._full(known, taken, preset, "Try again when one has ended.")

    def refuse_change(self, taken: Counter[str], before: str, after: str) -> UnavailableError | None:
        """Why a session may not go from one preset to another, or None. To one that takes less it always may."""
        known = self._capacity
        if known is None or after not in known.streams or known.streams[after] >= known.streams[before]:
            return None
        others = taken - Counter([before])
        if known.room(others, after):
            return None
        return self._full(known, others, after, f"This one goes on at {before}.")

    def describe(self, taken: Counter[str]) -> dict[str, dict[str, int]]:
        """Each preset's sessions in use, the most there can be where all are at it, and how many more fit now."""
        known = self._capacity
        if known is None:
            return {}
        return {
            preset: {"active": taken[preset], "max": self._capped(most), "room": self._room(known, taken, preset)}
            for preset, most in known.streams.items()
        }

    @property
    def _capacity(self) -> Capacity | None:
        return self._host.capacity

    def _capped(self, most: int) -> int:
        return most if self.limit is None else min(most, self.limit)

    def _room(self, known: Capacity, taken: Counter[str], preset: str) -> int:
        room = known.room(taken, preset)
        return room if self.limit is None else max(0, min(room, self.limit - taken.total()))

    def _full(self, known: Capacity, taken: Counter[str], preset: str, advice: str) -> UnavailableError:
        said = [
            f"The engine has no room for one more session at {preset}: "
            f"{taken.total()} take {round(100 * known.load(taken))} % of what it can do in real time."
        ]
        if lighter := [name for name in known.streams if known.room(taken, name)]:
            said.append(f"There is room at {' and '.join(lighter)}.")
        return UnavailableError(" ".join([*said, advice]), problem="full", retry_after=RETRY_S)
