"""The governor's view of a session, and what it asks of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Reason: TypeAlias = Literal["load", "turn", "room"]


@dataclass(frozen=True, slots=True)
class Governed:
    """A session as it is now. One that is ``fixed`` chose its preset itself, and keeps it."""

    id: str
    preset: str
    speaking: bool
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """The session is to go over to that preset, for a stable word of a ``reason``. Up in delay: ``load``, as the engine
    is full, or ``turn``, as others talk. Down: ``room``."""

    id: str
    preset: str
    reason: Reason
