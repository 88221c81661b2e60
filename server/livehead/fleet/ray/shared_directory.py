"""The replicas of a fleet, as one actor of the cluster knows them.

Nothing is lost with it: every replica reports itself about once a second, and an actor that starts anew knows all of
them after that. Meanwhile the ingresses go on with what they know.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from livehead.fleet.directory import ReplicaState

SILENT_S = 10.0
"""A replica that has not reported for so long is gone."""

KEPT = 1000
"""Names of replicas that are gone, of which so many are kept; so many problems are, too."""

STARTING_S = 900.0
"""A number is kept so long for a replica that starts."""

SETTLING_S = 3.0
"""How long a new actor waits for replicas that know the fleet's secrets, before it makes new ones."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a replica says about itself. ``node`` is the address of its machine, ``slot`` its number there: those of a
    machine have different ones."""

    name: str
    url: str
    state: ReplicaState
    node: str
    slot: int


@dataclass(frozen=True, slots=True)
class Secrets:
    """What all servers of a fleet share: the key that an ingress reads /v1/info with, and what signs their tokens."""

    key: str
    token_secret: str


@dataclass(frozen=True, slots=True)
class View:
    """``gone`` are names of replicas that have ended; ``problems`` say why others did not start, the oldest first.
    ``owner`` is the command that the fleet ends with, and ``url`` its address; None where that is not known."""

    replicas: tuple[Report, ...]
    gone: frozenset[str]
    problems: tuple[str, ...]
    owner: str | None
    url: str | None


class SharedDirectory:
    """The actor's class; every method answers at once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._replicas: dict[str, tuple[Report, float]] = {}
        self._claims: dict[tuple[str, int], tuple[str, float]] = {}
        self._gone: dict[str, None] = {}
        self._problems: list[str] = []
        self._secrets: Secrets | None = None
        self._ending: float | None = None
        self._owner: str | None = None
        self._url: str | None = None

    def claim(self, name: str, node: str) -> int:
        """A replica is about to start on a machine; returns the lowest number that no other one has there."""
        now = self._clock()
        taken = {each.slot for each, _ in self._replicas.values() if each.node == node}
        taken |= {slot for (place, slot), (_, at) in self._claims.items() if place == node and now - at < STARTING_S}
        slot = next(number for number in range(len(taken) + 1) if number not in taken)
        self._claims[node, slot] = name, now
        return slot

    def report(self, report: Report, known: Secrets | None) -> float | None:
        """A replica is there. Returns how many seconds its sessions have left, None where they have all the time."""
        if report.name not in self._gone:
            self._replicas[report.name] = report, self._clock()
        self._secrets = self._secrets or known
        return self._ending

    def leave(self, name: str) -> None:
        """A replica has ended. Twice is once."""
        self._replicas.pop(name, None)
        self._claims = {place: claim for place, claim in self._claims.items() if claim[0] != name}
        self._gone[name] = None
        while len(self._gone) > KEPT:
            del self._gone[next(iter(self._gone))]

    def fail(self, problem: str) -> None:
        """A replica could not start."""
        self._problems = [*self._problems, problem][-KEPT:]

    def share(self) -> Secrets | None:
        """The fleet's secrets, None where they will be known a little later."""
        if self._secrets is None and self._clock() - self._began > SETTLING_S:
            self.renew()
        return self._secrets

    def renew(self) -> None:
        """Make secrets, where there are none: the fleet is a new one."""
        self._secrets = self._secrets or Secrets(f"lh_{secrets.token_urlsafe(32)}", secrets.token_urlsafe(32))

    def take(self, owner: str, url: str) -> None:
        """A command runs the fleet from now on, in place of the one before."""
        self._owner, self._url = owner, url

    def end(self, seconds: float | None) -> None:
        """All replicas drain: their sessions have so many seconds. None takes it back."""
        self._ending = seconds

    def view(self) -> View:
        now = self._clock()
        for name in [name for name, (_, at) in self._replicas.items() if now - at > SILENT_S]:
            self.leave(name)
        replicas = tuple(
            each if self._ending is None else replace(each, state="draining") for each, _ in self._replicas.values()
        )
        return View(replicas, frozenset(self._gone), tuple(self._problems), self._owner, self._url)
