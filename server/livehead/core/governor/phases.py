"""When windows of sessions that share a device become whole, so that they do not all come at once. Pure: times are
monotonic seconds, passed in.

A session at hop H has a window every ``H * 40`` ms. Windows of several sessions that become whole together wait for
each other, and the device idles until the next ones come. Where a session's windows begin anew it may have a choice of
phases: it gets the one that is farthest from those of the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from livehead.core.block import BLOCK_S

PACE_S = 0.5
"""A shift that takes steps of its own is made once in so long, by all sessions together: many at a time would overload
the device just when many begin to speak."""

NEAR = 0.02
"""Phases closer than about a hundredth of a turn are as good as the same."""


STEP_PRICE = 0.5
"""How much better a phase must be that takes a step more. 0.7 is the difference between half of the largest distance
and all of it."""


class Choice(NamedTuple):
    """Windows could become whole at ``at`` and at every period from then on. That takes so many ``steps`` more than
    another choice would, and makes such a share of a window ``again``."""

    at: float
    steps: int = 0
    again: float = 0.0


class _Phase(NamedTuple):
    hop: int
    at: float


class Phases:
    """Of all sessions at one device. Bounded by the sessions: who has gone must be freed."""

    def __init__(self) -> None:
        self._taken: dict[str, _Phase] = {}
        self._shifted = -math.inf

    def __len__(self) -> int:
        """Sessions that have one."""
        return len(self._taken)

    def may_shift(self, now: float) -> bool:
        """Whether a session may take a phase now that takes steps of its own."""
        return now >= self._shifted + PACE_S

    def take(self, session: str, hop: int, choices: Sequence[Choice], now: float) -> int:
        """The session's windows have ``hop`` blocks from now on. Takes the best of the ``choices``, in place of what
        it had, and returns its place among them; of equal ones the first. One that takes no step more must be among
        them, or ``ValueError`` is raised."""
        others = [phase for other, phase in self._taken.items() if other != session]
        best, least = -1, math.inf
        for place, choice in enumerate(choices):
            if not choice.steps or self.may_shift(now):
                price = STEP_PRICE * (choice.steps + choice.again)
                crowding = round(_crowding(_Phase(hop, choice.at), others) + price, 6)
                if crowding < least:
                    best, least = place, crowding
        if best < 0:
            raise ValueError("a session's windows become whole at some time: there is nothing to choose from")
        if choices[best].steps:
            self._shifted = now
        self._taken[session] = _Phase(hop, choices[best].at)
        return best

    def note(self, session: str, hop: int, at: float) -> None:
        """A window of ``hop`` blocks became whole: the clocks of sessions drift."""
        self._taken[session] = _Phase(hop, at)

    def free(self, session: str) -> None:
        """It has no windows at a fixed pace any more. Nothing happens for one that has no phase."""
        self._taken.pop(session, None)


def _crowding(phase: _Phase, others: Sequence[_Phase]) -> float:
    """How close others come, and how often: like charges on a circle. Where two have periods of which neither is a
    multiple of the other, their distance is different each time, and its least one counts that often."""
    total = 0.0
    for other in others:
        shared = math.gcd(phase.hop, other.hop)
        turn = (phase.at - other.at) / (shared * BLOCK_S)
        total -= shared / other.hop * math.log(NEAR + abs(math.sin(math.pi * turn)))
    return total
