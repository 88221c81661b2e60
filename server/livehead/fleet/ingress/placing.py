"""Gives sessions their replicas, and counts those that are on their way."""

from __future__ import annotations

import time
from typing import Self

from livehead.core.latency_choice import AUTO
from livehead.errors import UnavailableError
from livehead.fleet.directory import Directory, Replica
from livehead.fleet.ingress.errors import no_replica
from livehead.fleet.placement import Placed, has_room, rank
from livehead.fleet.placements import Placements

MOST_DOUBTFUL = 3
"""Replicas that are asked because they may have room. With more, a fleet that is full would have the more to do the
larger it is."""


class Attempt:
    """One session at one replica, as a context manager. It counts until the replica has refused it, which is that the
    block is left without :meth:`taken`, or is read again after that."""

    def __init__(self, placements: Placements, replica: str, latency: str) -> None:
        self._placements = placements
        self._placement = placements.begin(replica, latency)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._placements.drop(self._placement)

    def taken(self) -> None:
        """The replica has the session."""
        self._placements.settle(self._placement, time.monotonic())


class Placing:
    def __init__(self, directory: Directory, placements: Placements) -> None:
        self._directory = directory
        self._placements = placements

    @property
    def pending(self) -> Placed:
        """Sessions that no reading has yet, as latencies by replica."""
        return self._placements.pending

    def candidates(self, latency: str | None) -> tuple[Replica, ...]:
        """Where a session of that latency is to be tried, in this order: where there is room, and then where there was
        some at the last reading, as what was placed since may have been read with it. Where there is none it is one
        replica, to say so: a session may have ended since."""
        pending = self._placements.pending
        ranked = rank(self._directory.replicas(), pending, latency, self._placements.turn)
        roomy = self._with_room(ranked, pending, latency)
        doubtful = [each for each in self._with_room(ranked, {}, latency) if each not in roomy]
        return (*roomy, *doubtful[:MOST_DOUBTFUL]) or ranked[:1]

    @staticmethod
    def _with_room(ranked: tuple[Replica, ...], pending: Placed, latency: str | None) -> tuple[Replica, ...]:
        return tuple(each for each in ranked if has_room(each, pending, latency or _default(each)))

    def next(self, latency: str | None, tried: set[str]) -> Replica | None:
        """The best candidate that was not tried."""
        return next((each for each in self.candidates(latency) if each.name not in tried), None)

    def anyone(self) -> tuple[Replica, ...]:
        """Those that may be asked for what all of them have: best those that take sessions, else any that answers."""
        ranked = rank(self._directory.replicas(), self._placements.pending, None, self._placements.turn)
        others = [each for each in self._directory.replicas() if each.reading is not None and each not in ranked]
        return *ranked, *others

    def attempt(self, replica: Replica, latency: str | None) -> Attempt:
        return Attempt(self._placements, replica.name, latency or _default(replica))

    def refusal(self) -> UnavailableError:
        """Why there is no candidate."""
        return no_replica(len(self._directory.replicas()))


def _default(replica: Replica) -> str:
    return AUTO if replica.reading is None else replica.reading.default_latency
