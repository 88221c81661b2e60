"""Random days of sessions that come, speak, pause, choose and go, and some plain ones."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livehead.core.governor.costs import Costs
from livehead.core.governor.demand import FITS, Demand
from livehead.core.governor.governed import Governed, Move
from livehead.core.governor.governor import MOVE_S, ROOM_S, Governor
from livehead.core.governor.habit import IDLE_S, LONG_S

CARD = Costs(
    ("low", "balanced", "throughput"),
    {"low": 0.3, "balanced": 0.14, "throughput": 0.045},
    dict.fromkeys(("low", "balanced", "throughput"), 0.045),
)
"""A device that holds 3, 7 and 22 that speak."""
LEVEL = {name: place for place, name in enumerate(CARD.presets)}
TICK_S = 0.5


@dataclass
class Day:
    """Plays sessions to a governor, and makes its moves."""

    costs: Costs = CARD
    now: float = 1000.0
    sessions: dict[str, Governed] = field(default_factory=dict)
    governor: Governor = field(default_factory=Governor)
    moved: dict[str, float] = field(default_factory=dict)
    moves: list[tuple[float, Move]] = field(default_factory=list)

    def come(self, session: str, *, fixed: str | None = None, speaking: bool = True) -> str:
        preset = fixed or self.governor.newcomer([*self.sessions.values()], self.costs, self.now)
        self.sessions[session] = Governed(session, preset, speaking, fixed is not None)
        return preset

    def speak(self, session: str, speaking: bool) -> None:
        self.sessions[session] = replace(self.sessions[session], speaking=speaking)

    def go(self, seconds: float = TICK_S) -> list[Move]:
        made: list[Move] = []
        for _ in range(round(seconds / TICK_S)):
            self.now += TICK_S
            moves = self.governor.plan([*self.sessions.values()], self.costs, self.now)
            for move in moves:
                before = self.sessions[move.id]
                assert move.preset != before.preset
                assert not before.fixed
                assert self.now - self.moved.get(move.id, 0.0) >= MOVE_S
                self.moved[move.id] = self.now
                self.sessions[move.id] = replace(before, preset=move.preset)
                self.moves.append((self.now, move))
            made += moves
        return made

    def at(self) -> list[str]:
        return [each.preset for each in self.sessions.values()]

    def demand(self, *, least: bool = False) -> Demand:
        """With ``least``, as if all that may be moved were at the preset that takes least."""
        habits = self.governor._habits
        free = {each for each in self.sessions if self.now - self.moved.get(each, 0.0) >= MOVE_S}
        presets = {
            each.id: "throughput" if least and each.id in free and not each.fixed else each.preset
            for each in self.sessions.values()
        }
        return Demand(self.costs, {each: habits[each].speech(self.now) for each in presets}, presets)


def crowd(count: int, costs: Costs = CARD) -> Day:
    day = Day(costs)
    for number in range(count):
        day.come(f"s{number}")
        day.go(1)
    return day


@pytest.mark.parametrize(
    ("count", "presets"),
    [
        (1, ["low"]),
        (3, ["low"] * 3),
        (4, ["low"] * 2 + ["balanced"] * 2),
        (7, ["balanced"] * 7),
        (22, ["throughput"] * 22),
    ],
)
def test_all_that_talk_get_the_lowest_delay_that_fits(count: int, presets: list[str]) -> None:
    day = crowd(count)
    day.go(40)
    assert sorted(day.at(), key=LEVEL.__getitem__) == presets
    assert not day.go(60), "it has converged"


def test_more_than_fit_all_get_what_takes_least() -> None:
    day = crowd(30)
    day.go(20)
    assert set(day.at()) == {"throughput"}


def test_delay_falls_when_load_leaves() -> None:
    day = crowd(22)
    for number in range(3, 22):
        del day.sessions[f"s{number}"]
    assert not day.go(ROOM_S - 1), "room must last"
    day.go(2 * MOVE_S + 2 * ROOM_S)
    assert day.at() == ["low"] * 3
    assert {move.reason for _, move in day.moves[-3:]} == {"room"}


def test_those_who_take_turns_have_less_delay_than_those_who_only_talk() -> None:
    day = crowd(6)
    chance = random.Random(1)
    until = dict.fromkeys(day.sessions, 0.0)
    while day.now < 1120:
        for session, then in until.items():
            if day.now >= then:
                speaking = not day.sessions[session].speaking
                day.speak(session, speaking)
                until[session] = day.now + (chance.uniform(1, 6) if speaking else chance.uniform(1.5, 9))
        day.go()
    assert day.at().count("low") >= 2, "all talking there would be one at most"
    assert day.at().count("throughput") == 0
    assert len(day.moves) <= 12


def test_silent_ones_make_way_for_those_who_talk_and_come_back() -> None:
    day = crowd(6)
    for session in ("s0", "s1", "s2"):
        day.speak(session, False)
    day.go(IDLE_S + MOVE_S + 2 * ROOM_S)
    presets = {each: day.sessions[each].preset for each in day.sessions}
    assert sorted(presets[each] for each in ("s3", "s4", "s5")) == ["balanced", "low", "low"]
    assert max(LEVEL[presets[each]] for each in ("s3", "s4", "s5")) <= min(LEVEL[presets[f"s{n}"]] for n in range(3))
    day.speak("s0", True)
    day.go(LONG_S + MOVE_S + 2 * ROOM_S)
    assert LEVEL[day.sessions["s0"].preset] <= LEVEL["balanced"]


def test_one_that_begins_to_speak_overloads_nothing() -> None:
    day = Day()
    for number in range(12):
        day.come(f"s{number}", speaking=False)
    day.go(90)
    assert day.at().count("low") >= 10, "silence costs little"
    day.speak("s0", True)
    assert not day.go(2)


def test_those_that_chose_keep_it_and_count() -> None:
    day = Day()
    for number in range(2):
        day.come(f"f{number}", fixed="low")
    day.go(5)
    assert day.come("s0") == "low"
    day.go(5)
    assert day.come("s1") == "balanced"
    day.go(60)
    assert day.at() == ["low", "low", "balanced", "balanced"]
    day.sessions["f0"] = replace(day.sessions["f0"], fixed=False)  # leaves it to the server from now on
    day.go(60)
    assert day.at().count("low") == 2


def test_where_longer_windows_save_nothing_nobody_gets_them() -> None:
    flat = Costs(CARD.presets, dict.fromkeys(CARD.presets, 0.15), dict.fromkeys(CARD.presets, 0.1))
    assert flat.given == ["low"]
    day = crowd(9, flat)
    day.go(30)
    assert set(day.at()) == {"low"}
    day.sessions["s0"] = replace(day.sessions["s0"], preset="throughput")  # was its own choice
    day.go(2 * ROOM_S)
    assert set(day.at()) == {"low"}


def test_of_a_crowd_few_begin_at_a_delay_that_they_cannot_keep() -> None:
    day = Day()
    began = [day.come(f"s{number}") for number in range(22)]
    assert began.count("low") + began.count("balanced") <= 4
    day.go()
    assert day.at() == ["throughput"] * 22
    alone = Day()
    assert alone.come("s0") == "low"
    alone.go(3)
    assert alone.come("s1") == "low"


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 20), st.sampled_from([0.2, 0.4, 0.9]))
def test_random_days(chance: random.Random, most: int, share: float) -> None:
    day, came = Day(), 0
    unfair: dict[tuple[str, str], float] = {}
    for _ in range(200):
        if len(day.sessions) < most and chance.random() < 0.15:
            fixed = chance.choice([None, None, None, *CARD.presets])
            day.come(f"s{came}", fixed=fixed, speaking=chance.random() < 0.5)
            came += 1
        for session in list(day.sessions):
            if chance.random() < 0.02:
                del day.sessions[session]
            elif chance.random() < 0.15:
                day.speak(session, chance.random() < share)
        day.go()
        if day.demand(least=True).total() <= FITS:
            assert day.demand().total() <= FITS
        unfair = {pair: unfair.get(pair, day.now) for pair in waiting(day)}
        assert all(day.now - since <= MOVE_S + 2 * ROOM_S for since in unfair.values())
    for session in day.sessions:
        day.speak(session, chance.random() < share)
    day.go(IDLE_S + 4 * MOVE_S)
    assert not day.go(2 * MOVE_S), "nobody changes, and neither does the plan"


def waiting(day: Day) -> list[tuple[str, str]]:
    """Those who talk, with somebody who is silent and has what they could have."""
    habits, level = day.governor._habits, {each.id: LEVEL[each.preset] for each in day.sessions.values()}
    free = [each.id for each in day.sessions.values() if not each.fixed]
    found = []
    for talker in (each for each in free if habits[each].talks(day.now)):
        for silent in (each for each in free if not habits[each].talks(day.now)):
            if level[silent] < level[talker]:
                swapped = day.demand()
                swapped.set(silent, "throughput")
                if swapped.total(talker, CARD.presets[level[talker] - 1], roomy=True) <= FITS:
                    found.append((talker, silent))
    return found
