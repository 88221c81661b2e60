"""Sessions that were placed and are in no reading yet. Pure: the clock is passed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

START_S = 10.0
"""How long a place is kept for whoever only said that an offer follows."""


@dataclass(eq=False, slots=True)
class Placement:
    """``counts_until`` is when it is in every reading that begins later, None while the replica has not answered."""

    replica: str
    latency: str
    counts_until: float | None = None


class Placements:
    """A placement counts from :meth:`begin` until a reading that began after the replica had answered, for until then
    the replica may not have counted it itself."""

    def __init__(self) -> None:
        self._placed: list[Placement] = []
        self._turns: dict[str, int] = {}
        self._turn = 0

    @property
    def pending(self) -> Mapping[str, list[str]]:
        """Latencies by replica."""
        found: dict[str, list[str]] = {}
        for each in self._placed:
            found.setdefault(each.replica, []).append(each.latency)
        return found

    def turn(self, replica: str) -> int:
        """Rises with each placement; 0 for a replica that never got one."""
        return self._turns.get(replica, 0)

    def begin(self, replica: str, latency: str) -> Placement:
        """A session goes to a replica."""
        self._turn += 1
        self._turns[replica] = self._turn
        placement = Placement(replica, latency)
        self._placed.append(placement)
        return placement

    def settle(self, placement: Placement, now: float) -> None:
        """The replica has taken it."""
        placement.counts_until = now

    def drop(self, placement: Placement) -> None:
        """The replica has not. Twice is once, and after :meth:`settle` nothing."""
        if placement.counts_until is None and placement in self._placed:
            self._placed.remove(placement)

    def read(self, replica: str, began: float) -> None:
        """There is a reading of the replica, which was asked for at ``began``."""
        self._placed = [each for each in self._placed if not _is_counted(each, replica, began)]

    def forget(self, replica: str) -> None:
        """The replica is gone."""
        self._turns.pop(replica, None)
        self._placed = [each for each in self._placed if each.replica != replica]


def _is_counted(placement: Placement, replica: str, began: float) -> bool:
    return placement.replica == replica and placement.counts_until is not None and placement.counts_until < began
