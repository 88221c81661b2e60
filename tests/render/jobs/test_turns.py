"""Owners take turns, and each one's renders come in their order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from livehead.render.jobs.turns import in_turn


@dataclass(frozen=True)
class Waiting:
    owner: str
    number: int


def waiting(owners: str) -> list[Waiting]:
    return [Waiting(owner, number) for number, owner in enumerate(owners, 1)]


def test_nobody_waits_behind_all_of_another_owners() -> None:
    order = in_turn(waiting("aaaabbc"), {})
    assert [each.owner for each in order] == list("abcabaa")
    assert [each.number for each in order] == [1, 5, 7, 2, 6, 3, 4]


def test_whoever_was_served_last_comes_last() -> None:
    assert [each.owner for each in in_turn(waiting("aab"), {"a": 7})] == list("baa")
    assert [each.owner for each in in_turn(waiting("abc"), {"a": 3, "b": 2, "c": 1})] == list("cba")


@given(st.text("abcd", max_size=30), st.dictionaries(st.sampled_from("abcd"), st.integers(1, 9)))
def test_turns_are_fair_and_lose_nobody(owners: str, served: dict[str, int]) -> None:
    there = waiting(owners)
    order = in_turn(there, served)
    assert sorted(order, key=lambda each: each.number) == there
    for owner in set(owners):
        own = [each.number for each in order if each.owner == owner]
        assert own == sorted(own)
    done: Counter[str] = Counter()
    for each in order:  # while somebody waits, nobody else gets two more than that one
        left = {other.owner for other in order[sum(done.values()) :]}
        assert all(done[each.owner] <= done[other] + 1 for other in left)
        done[each.owner] += 1
