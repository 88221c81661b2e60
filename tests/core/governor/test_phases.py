"""Windows of sessions that share a device become whole one after the other."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livehead.core.block import BLOCK_S
from livehead.core.governor.phases import PACE_S, Choice, Phases


def at_any_block(start: float, hop: int) -> list[Choice]:
    return [Choice(start + block * BLOCK_S) for block in range(hop)]


def slot(at: float, hop: int) -> int:
    return round(at / BLOCK_S) % hop


@settings(max_examples=40, deadline=None)
@given(hop=st.integers(1, 28), come=st.lists(st.integers(0, 500), min_size=1, max_size=35))
def test_sessions_that_may_choose_are_spread_to_within_one_block(hop: int, come: list[int]) -> None:
    """Whenever each comes: no slot of a block has two more than another."""
    phases, taken = Phases(), Counter[int]()
    for number, blocks in enumerate(come):
        choices = at_any_block(100 + blocks * BLOCK_S, hop)
        taken[slot(choices[phases.take(str(number), hop, choices, 0.0)].at, hop)] += 1
    assert len(phases) == len(come)
    assert max(taken.values()) - min(taken[each] for each in range(hop)) <= 1


@settings(max_examples=100, deadline=None)
@given(hop=st.integers(2, 28), gone=st.sets(st.integers(0, 27), min_size=1))
def test_who_leaves_makes_place(hop: int, gone: set[int]) -> None:
    phases, slots = Phases(), dict[int, int]()
    for number in range(hop):
        choices = at_any_block(0, hop)
        slots[number] = slot(choices[phases.take(str(number), hop, choices, 0.0)].at, hop)
    leave = {number for number in gone if number < hop}
    for number in leave:
        phases.free(str(number))
        phases.free(str(number))
    assert len(phases) == hop - len(leave)
    again = set()
    for number in leave:
        choices = at_any_block(7 * BLOCK_S, hop)
        again.add(slot(choices[phases.take(f"new {number}", hop, choices, 0.0)].at, hop))
    assert again == {slots[number] for number in leave}


def test_a_longer_hop_stays_clear_of_every_window_of_a_shorter_one() -> None:
    phases = Phases()
    phases.note("low", 4, 10.0)
    choices = at_any_block(10.0, 24)
    assert phases.take("throughput", 24, choices, 0.0) % 4 == 2


def test_a_little_is_not_worth_a_step() -> None:
    phases = Phases()
    phases.note("other", 8, 0.0)
    far, farthest = Choice(3 * BLOCK_S), Choice(4 * BLOCK_S, 1)
    assert phases.take("new", 8, [far, farthest], 0.0) == 0
    assert phases.take("new", 8, [Choice(0.0), farthest], 0.0) == 1


def test_a_phase_follows_the_windows() -> None:
    phases = Phases()
    phases.take("other", 8, [Choice(0.0)], 0.0)
    phases.note("other", 8, 100 * 8 * BLOCK_S + 4 * BLOCK_S)  # its clock runs slow
    assert phases.take("new", 8, [Choice(4 * BLOCK_S), Choice(0.0)], 0.0) == 1


def test_alone_the_first_choice_is_taken_and_without_any_there_is_none() -> None:
    phases = Phases()
    assert phases.take("one", 8, at_any_block(3.0, 8), 0.0) == 0
    assert phases.take("one", 8, at_any_block(3.5, 8), 0.0) == 0  # its own phase is not in its way
    with pytest.raises(ValueError, match="nothing to choose"):
        phases.take("one", 8, [], 0.0)


def test_shifts_that_take_steps_are_made_one_at_a_time() -> None:
    """So a crowd that begins at once is not made to wait by them; who has no better phase yet asks again later."""
    phases = Phases()
    choices = [Choice(0.0), Choice(4 * BLOCK_S, 1)]
    assert [phases.take(name, 8, choices, 10.0) for name in ("one", "two", "three")] == [0, 1, 0]
    assert not phases.may_shift(10.0 + PACE_S / 2)
    assert phases.may_shift(10.0 + PACE_S)
    phases.note("two", 8, 0.0)
    assert phases.take("three", 8, choices, 10.0 + PACE_S) == 1
