"""The replicas that there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeAlias

from livehead.fleet.reading import Reading

ReplicaState: TypeAlias = Literal["starting", "ready", "draining"]

REPLICA_NAME = re.compile(r"[a-z0-9]{1,16}")


@dataclass(frozen=True, slots=True)
class Replica:
    """One server of the fleet. ``name`` is its setting ``replica``, and never used again once it is gone: the sessions
    of the one before are not on the next. ``url`` is where the ingress reaches it, without a slash at the end.

    ``state`` is what whoever started it says: new sessions go to one that is ready. ``reading`` is what it said itself,
    None before it has, and where it does not answer any more.
    """

    name: str
    url: str
    state: ReplicaState = "ready"
    reading: Reading | None = None


class Directory(Protocol):
    """Answers at once, from memory: an implementation that shares its state with others keeps a copy here."""

    def replicas(self) -> Sequence[Replica]:
        """All of them, in a stable order."""

    def find(self, name: str) -> Replica | None:
        """None for one that there is not, or not any more."""

    def record(self, name: str, reading: Reading | None) -> None:
        """Keep the latest reading of a replica. One that is gone meanwhile is left out."""


class MemoryDirectory:
    """A directory of this process."""

    def __init__(self, replicas: Sequence[Replica] = ()) -> None:
        self._replicas: dict[str, Replica] = {}
        for each in replicas:
            self.add(each.name, each.url, each.state)

    def replicas(self) -> Sequence[Replica]:
        return tuple(self._replicas.values())

    def find(self, name: str) -> Replica | None:
        return self._replicas.get(name)

    def record(self, name: str, reading: Reading | None) -> None:
        if (known := self._replicas.get(name)) is not None:
            self._replicas[name] = replace(known, reading=reading)

    def add(self, name: str, url: str, state: ReplicaState = "ready") -> None:
        """Raises ValueError for a name that is none, or that is there already."""
        if REPLICA_NAME.fullmatch(name) is None:
            raise ValueError(f"{name!r} is no name of a replica: 1 to 16 of a-z and 0-9")
        if name in self._replicas:
            raise ValueError(f"there is a replica {name} already")
        self._replicas[name] = Replica(name, url.rstrip("/"), state)

    def change(self, name: str, state: ReplicaState) -> None:
        """A replica that is gone meanwhile is left out."""
        if (known := self._replicas.get(name)) is not None:
            self._replicas[name] = replace(known, state=state)

    def remove(self, name: str) -> None:
        """Its sessions have ended from now on. Twice is once."""
        self._replicas.pop(name, None)
