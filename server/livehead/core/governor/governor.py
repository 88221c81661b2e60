"""Which latency preset each session gets: the lowest delay at which all fit that are here now. Pure: the clock is
passed in.

**What counts.** A session costs the engine more while it speaks than while it is silent, and nobody knows who speaks
next. So each is reckoned by its own habit: the share of the last :data:`MEMORY_S` in which it spoke, all of it for one
that came just now, or that has spoken for :data:`LONG_S` without a pause. The demand on the engine is the sum of what
they cost on average, and a reserve: :data:`SPREADS` standard deviations of that sum, as they speak independently of
each other, and at least what the dearest of them would take more if it began to speak now; but never more than if all
spoke. Thus one who begins to speak overloads nothing; several at once may, for the length of a phrase, and their
windows are then stepped in longer hops.

**Who gets what.** All begin at the preset that takes least. Those who talk, which is to have spoken in the last
:data:`IDLE_S`, go down in delay first, all of them by one preset and then all by the next, as far as the demand stays
within the engine; then those who are silent. Who has the lower delay already comes first, then who came first: so two
never take turns. A preset that costs about as much as one of lower delay is never given: on a processor a frame costs
the same in any window, and all get the lowest. Those that chose a preset themselves keep it, and count.

**When.** A session is moved once in :data:`MOVE_S` at most; one that was not moved yet may be at any time. Up in delay
at once, where the demand passes what there is; or for others who talk, where they have had to wait for :data:`ROOM_S`.
Down when there has been room to spare for as long. Where several come at once, room is kept for as many again: see
:data:`CROWD_S`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from livehead.core.governor.costs import Costs
from livehead.core.governor.demand import FITS, Demand
from livehead.core.governor.governed import Governed, Move, Reason
from livehead.core.governor.habit import Habit

MOVE_S = 10.0
"""At most one move of a session in so long."""

ROOM_S = 5.0
"""For so long there must have been room before a session goes down in delay."""


CROWD_S = 2.0
"""Where several come within so long, as many again are expected, and room is kept for them: a session that goes up in
delay takes a second or two for it, in which too many at a low delay would be late."""


class Governor:
    """One server's. :meth:`plan` is asked a few times a second, :meth:`newcomer` whenever somebody comes."""

    def __init__(self) -> None:
        self._habits: dict[str, Habit] = {}
        self._came = 0

    @property
    def waiting(self) -> int:
        """Sessions that were to go down in delay at the last plan, and have to wait for it."""
        return sum(habit.waits_since is not None for habit in self._habits.values())

    def plan(self, sessions: Sequence[Governed], costs: Costs, now: float) -> list[Move]:
        """What is to change now. Each move is expected to be made at once."""
        self._observe(sessions, now)
        free = [each for each in sessions if not each.fixed and now - self._habits[each.id].moved >= MOVE_S]
        if not free:
            return []
        level = {name: place for place, name in enumerate(costs.presets)}
        free.sort(key=lambda each: self._rank(each, level, now))
        wanted = self._fill(sessions, free, costs, now)
        rising = [each for each in free if level[wanted[each.id]] > level[each.preset]]
        falling = [each for each in free if level[wanted[each.id]] < level[each.preset]]
        demand = self._demand(sessions, costs, now)
        for number in range(self._expected(now)):
            demand.add(f"expected {number}", costs.given[-1])
        full = demand.total() > FITS
        moves: list[Move] = []
        if full or self._anybody_waits(falling, now):
            for each in rising:
                demand.set(each.id, wanted[each.id])
                moves.append(self._move(each, wanted, "load" if full else "turn", now))
        self._look_for_room(free, falling, wanted, demand, now)
        for each in falling:
            since = self._habits[each.id].room_since
            if since is not None and now - since >= ROOM_S and demand.has_room(each.id, wanted[each.id]):
                demand.set(each.id, wanted[each.id])
                moves.append(self._move(each, wanted, "room", now))
        return moves

    def newcomer(self, sessions: Sequence[Governed], costs: Costs, now: float) -> str:
        """The preset that a session opened now would get. It is reckoned to speak, and the others to make way for it
        as far as they are to."""
        self._observe(sessions, now)
        known = self._habits
        new = Governed("", costs.given[-1], speaking=True)
        expected = [replace(new, id=f"expected {number}") for number in range(self._expected(now))]
        free = [each for each in sessions if not each.fixed and now - known[each.id].moved >= MOVE_S]
        coming = [*expected, new]
        self._habits = known | {
            each.id: Habit(self._came + place, now, now, None, now) for place, each in enumerate(coming)
        }
        try:
            return self._fill([*sessions, *coming], [*free, *coming], costs, now, new.id)[new.id]
        finally:
            self._habits = known

    def _observe(self, sessions: Sequence[Governed], now: float) -> None:
        """Remember who is here, and forget who is not."""
        for each in sessions:
            habit = self._habits.get(each.id)
            if habit is None:
                self._habits[each.id] = Habit(self._came, now, now, now if each.speaking else None, now)
                self._came += 1
            else:
                habit.observe(each.speaking, now)
        here = {each.id for each in sessions}
        for gone in self._habits.keys() - here:
            del self._habits[gone]

    def _expected(self, now: float) -> int:
        """How many are about to come: as many as came lately and are here, not counting one."""
        return max(0, sum(now - habit.came <= CROWD_S for habit in self._habits.values()) - 1)

    def _demand(self, sessions: Sequence[Governed], costs: Costs, now: float) -> Demand:
        speech = {each.id: self._habits[each.id].speech(now) for each in sessions}
        return Demand(costs, speech, {each.id: each.preset for each in sessions})

    def _fill(
        self,
        sessions: Sequence[Governed],
        free: Sequence[Governed],
        costs: Costs,
        now: float,
        newcomer: str | None = None,
    ) -> dict[str, str]:
        """The presets that those who are ``free`` should have, the others being as they are. Whoever goes below the
        delay that it has needs room to spare, but for a ``newcomer``, which has none."""
        demand = self._demand(sessions, costs, now)
        level = {name: place for place, name in enumerate(costs.presets)}
        given = costs.given
        for each in free:
            demand.set(each.id, given[-1])
        ranked = sorted(free, key=lambda each: self._rank(each, level, now))
        roomy = False
        for talks in (True, False):
            some = [each for each in ranked if self._habits[each.id].talks(now) == talks]
            for longer, name in pairwise(reversed(given)):
                for each in some:
                    falls = level[name] < level[each.preset] and each.id != newcomer
                    if demand.preset(each.id) == longer and demand.total(each.id, name, roomy=roomy or falls) <= FITS:
                        demand.set(each.id, name)
                        roomy = roomy or falls  # or there would be no room for it in the end
        return {each.id: demand.preset(each.id) for each in free}

    def _rank(self, session: Governed, level: Mapping[str, int], now: float) -> tuple[bool, int, int]:
        habit = self._habits[session.id]
        return not habit.talks(now), level[session.preset], habit.order

    def _anybody_waits(self, falling: Sequence[Governed], now: float) -> bool:
        """Whether somebody who talks has been to go down for long, were it not for others."""
        habits = (self._habits[each.id] for each in falling)
        return any(
            habit.talks(now) and habit.waits_since is not None and now - habit.waits_since >= ROOM_S for habit in habits
        )

    def _look_for_room(
        self,
        free: Sequence[Governed],
        falling: Sequence[Governed],
        wanted: Mapping[str, str],
        demand: Demand,
        now: float,
    ) -> None:
        """Note since when each that is to go down waits, and since when it could."""
        down = {each.id for each in falling}
        for each in free:
            habit = self._habits[each.id]
            waits = each.id in down
            room = waits and demand.has_room(each.id, wanted[each.id])
            habit.waits_since = (now if habit.waits_since is None else habit.waits_since) if waits else None
            habit.room_since = (now if habit.room_since is None else habit.room_since) if room else None

    def _move(self, session: Governed, wanted: Mapping[str, str], reason: Reason, now: float) -> Move:
        habit = self._habits[session.id]
        habit.moved = now
        habit.waits_since = habit.room_since = None
        return Move(session.id, wanted[session.id], reason)
