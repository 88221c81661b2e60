"""What callers do, by the seed."""

from __future__ import annotations

from itertools import islice

from livehead.bench.soak.callers.visits import ENDINGS, KINDS, PRESETS, SHORTEST_S, visits


def test_a_seed_always_draws_the_same_and_another_one_others() -> None:
    assert list(islice(visits(1, 0, 20.0), 50)) == list(islice(visits(1, 0, 20.0), 50))
    assert list(islice(visits(1, 0, 20.0), 50)) != list(islice(visits(2, 0, 20.0), 50))
    assert list(islice(visits(1, 0, 20.0), 50)) != list(islice(visits(1, 1, 20.0), 50))


def test_everything_is_done_before_anything_is_done_twice() -> None:
    drawn = list(islice(visits(5, 2, 20.0), 7 * len(KINDS)))
    for begin in range(0, len(drawn), len(KINDS)):
        assert {visit.kind for visit in drawn[begin : begin + len(KINDS)]} == set(KINDS)
    assert {visit.ending for visit in drawn} == set(ENDINGS)
    assert {visit.preset for visit in drawn} == set(PRESETS)
    assert sum(visit.bad_line for visit in drawn) == len(drawn) // 3 + (len(drawn) % 3 > 0) * drawn[-1].bad_line
    assert all(SHORTEST_S <= visit.seconds <= 20 for visit in drawn)


def test_two_callers_have_soon_done_everything_between_them() -> None:
    first = [visit.kind for caller in (1, 2) for visit in islice(visits(9, caller, 10.0), 4)]
    assert set(first) == set(KINDS)
