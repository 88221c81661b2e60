"""Which latency preset each session gets: the lowest delay at which all fit that are here now. Pure: the clock is
passed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Costs:
    """The share of the engine that one session takes, 1 is all of it: while it speaks, at each preset, and while it is
    silent, at any. ``presets`` are their names, lowest delay first."""

    presets: Sequence[str]
    speaking: Mapping[str, float]
    silent: float


@dataclass(frozen=True, slots=True)
class Governed:
    """A session as it is now. One that is ``fixed`` chose its preset itself, and keeps it."""

    id: str
    preset: str
    speaking: bool
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """The session is to go over to that preset, for a stable word of a ``reason``: ``load`` or ``room``."""

    id: str
    preset: str
    reason: str


class Governor:
    """One server's. :meth:`plan` is asked a few times a second."""

    def plan(self, sessions: Sequence[Governed], costs: Costs, now: float) -> list[Move]:
        """What is to change now."""
        return []

    def newcomer(self, sessions: Sequence[Governed], costs: Costs) -> str:
        """The preset that a session opened now would get."""
        return costs.presets[-1]
