"""Where sessions go: by what is free, whatever was placed since the last reading."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from livehead.fleet.directory import MemoryDirectory, Replica
from livehead.fleet.ingress.placing import MOST_DOUBTFUL, Placing
from livehead.fleet.placement import has_room, rank
from livehead.fleet.placements import Placements
from livehead.fleet.reading import Reading

HEAVIER = {"low": 3, "balanced": 2, "throughput": 1}
"""What a session takes, in those at throughput."""


def reading(most: int, taken: Counter[str] | None = None, refusal: str | None = None) -> Reading:
    """Of a replica that holds ``most`` sessions at throughput, a multiple of 6."""
    taken = taken or Counter()
    free = most - sum(HEAVIER[preset] * count for preset, count in taken.items())
    places = {
        preset: {"active": taken[preset], "max": most // weight, "room": max(0, free // weight)}
        for preset, weight in HEAVIER.items()
    }
    sessions = {"active": taken.total(), "max": most, "load": 1 - free / most, "by_preset": places}
    sessions["auto"] = places["throughput"] | {"active": 0}
    return Reading(refusal, {"sessions": sessions, "default_latency": "auto"})


@dataclass
class Card:
    """A replica that admits as a server does. It is read when :meth:`read` says."""

    most: int
    taken: Counter[str] = field(default_factory=Counter)

    def admit(self, latency: str) -> bool:
        preset = "throughput" if latency == "auto" else latency
        used = sum(HEAVIER[each] * count for each, count in self.taken.items())
        if used + HEAVIER[preset] > self.most:
            return False
        self.taken[preset] += 1
        return True


class Fleet:
    def __init__(self, *sizes: int) -> None:
        self.cards = {f"r{number}": Card(size) for number, size in enumerate(sizes)}
        self.placements = Placements()
        self.now = 0.0
        self.replicas: list[Replica] = []
        self.read()

    def read(self) -> None:
        self.now += 1
        self.replicas = [Replica(name, "", reading=reading(card.most, card.taken)) for name, card in self.cards.items()]
        for name in self.cards:
            self.placements.read(name, self.now)

    def place(self, latency: str) -> str | None:
        """The replica that it went to, past those that refuse."""
        for each in rank(self.replicas, self.placements.pending, latency, self.placements.turn):
            placement = self.placements.begin(each.name, latency)
            if self.cards[each.name].admit(latency):
                self.placements.settle(placement, self.now)
                return each.name
            self.placements.drop(placement)
        return None

    @property
    def counts(self) -> list[int]:
        return [card.taken.total() for card in self.cards.values()]


def test_eight_over_three() -> None:
    fleet = Fleet(24, 24, 24)
    for _ in range(8):
        assert fleet.place("low")
    assert sorted(fleet.counts) == [2, 3, 3]


def test_a_replica_of_twice_the_size_gets_twice_as_many() -> None:
    fleet = Fleet(12, 24)
    for _ in range(12):
        fleet.place("auto")
    assert fleet.counts == [4, 8]


def test_few_heavy_sessions_weigh_as_much_as_many_light_ones() -> None:
    fleet = Fleet(24, 24)
    fleet.cards["r0"].taken["low"] = 4  # half of it
    fleet.cards["r1"].taken["throughput"] = 5
    fleet.read()
    assert [fleet.place("throughput") for _ in range(6)] == ["r1"] * 6


def test_the_room_of_the_preset_that_is_asked_for_counts() -> None:
    """The first is less loaded, but has no room for a heavy one: a cap, say."""
    capped = reading(24)
    capped.info["sessions"]["by_preset"]["low"]["room"] = 0
    there = [Replica("a", "", reading=capped), Replica("b", "", reading=reading(24, Counter(throughput=10)))]
    assert [each.name for each in rank(there, {}, "low")] == ["b", "a"]
    assert [each.name for each in rank(there, {}, "throughput")] == ["a", "b"]


def test_replicas_that_do_not_say_what_they_hold_take_turns() -> None:
    there = [Replica(name, "", reading=Reading()) for name in "abc"]
    placements, chosen = Placements(), []
    for number in range(9):
        best = rank(there, placements.pending, None, placements.turn)[0]
        placements.settle(placements.begin(best.name, "auto"), number)
        placements.read(best.name, number + 1)
        chosen.append(best.name)
    assert Counter(chosen) == {"a": 3, "b": 3, "c": 3}


def test_one_that_is_on_its_way_counts_until_it_was_read() -> None:
    placements = Placements()
    placement = placements.begin("a", "low")
    placements.read("a", began=5.0)
    assert placements.pending == {"a": ["low"]}  # the replica has not answered
    placements.settle(placement, now=6.0)
    placements.drop(placement)
    placements.read("a", began=5.9)
    assert placements.pending == {"a": ["low"]}  # the reading had begun
    placements.read("b", began=7.0)
    assert placements.pending == {"a": ["low"]}
    placements.read("a", began=6.1)
    assert placements.pending == {}


def test_where_what_was_placed_may_have_been_read_with_it_those_that_had_room_are_tried() -> None:
    directory, placements = MemoryDirectory(), Placements()
    placing = Placing(directory, placements)
    for name in ("a", "b", "c", "d", "e"):
        directory.add(name, "")
        directory.record(name, reading(6, Counter(throughput=5)))
        placements.begin(name, "throughput")  # the fifth, or a sixth
    tried: set[str] = set()
    while replica := placing.next("throughput", tried):
        tried.add(replica.name)
    assert len(tried) == MOST_DOUBTFUL
    for name in ("a", "b", "c", "d", "e"):
        directory.record(name, reading(6, Counter(throughput=6)))
    assert len(placing.candidates("throughput")) == 1


STATES = st.tuples(
    st.sampled_from(["starting", "ready", "draining"]),
    st.sampled_from([None, "full", "starting", "engine-down", "draining", "failed", "silent"]),
)


@given(st.lists(STATES, max_size=6), st.sampled_from([*HEAVIER, "auto", None, "unheard-of"]))
def test_never_to_one_that_takes_none(states: list[tuple[str, str | None]], latency: str | None) -> None:
    there = [
        replace(
            Replica(f"r{number}", "", state),  # type: ignore[arg-type]
            reading=None if refusal == "silent" else reading(6, refusal=refusal),
        )
        for number, (state, refusal) in enumerate(states)
    ]
    good = {f"r{number}" for number, state in enumerate(states) if state in [("ready", None), ("ready", "full")]}
    assert {each.name for each in rank(there, {}, latency)} == good


@settings(max_examples=200)
@given(
    st.lists(st.integers(1, 6).map(lambda size: size * 6), min_size=1, max_size=5),
    st.lists(st.sampled_from([*HEAVIER, "auto", "read", "end"]), max_size=150),
    st.randoms(use_true_random=False),
)
def test_no_session_is_refused_while_there_is_room_and_the_load_is_even(
    sizes: list[int], steps: list[str], random: Any
) -> None:
    fleet = Fleet(*sizes)
    ended = False
    for step in steps:
        if step == "read":
            fleet.read()
        elif step == "end":
            if full := [card for card in fleet.cards.values() if card.taken]:
                card = random.choice(full)
                card.taken -= Counter([random.choice(list(card.taken))])
                ended = True
        else:
            weight = HEAVIER.get(step, 1)
            free = [card.most - sum(HEAVIER[p] * n for p, n in card.taken.items()) for card in fleet.cards.values()]
            pending = fleet.placements.pending
            promised = [each for each in fleet.replicas if has_room(each, pending, step)]
            went = fleet.place(step)
            assert (went is not None) == any(each >= weight for each in free)
            if not ended:  # then what it promises is kept, at once
                assert not promised or went in [each.name for each in promised]
    if not ended and steps:
        loads = [(sum(HEAVIER[p] * n for p, n in card.taken.items()), card.most) for card in fleet.cards.values()]
        heaviest = max(3 / size for size in sizes)
        open_ones = [used / size for used, size in loads if size - used >= 3]
        if open_ones:
            assert max(used / size for used, size in loads) - min(open_ones) <= heaviest + 1e-6
    assert all(math.isfinite(load) for load in fleet.counts)
