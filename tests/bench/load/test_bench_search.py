"""Looking for the largest number of sessions that holds."""

from __future__ import annotations

import pytest

from livehead.bench.load.search import TRIALS, Search


def find(first: int, most: int, *, per_stream: float | None = None) -> Search:
    """Where ``most`` fit. ``per_stream`` is what a stream takes of the engine's time, all of it by default."""
    search = Search(first)
    each = per_stream or 0.995 / most
    while (count := search.next()) is not None:
        search.tell(count, held=count <= most, busy=min(1.0, count * each), share=min(1.0, most / count))
    return search


@pytest.mark.parametrize(
    ("first", "most"),
    [(18, 21), (18, 18), (18, 19), (18, 17), (18, 16), (6, 7), (6, 8), (5, 10), (1, 1), (2, 3), (8, 8)],
)
def test_the_most_is_found_and_the_next_is_known_to_be_too_many(first: int, most: int) -> None:
    search = find(first, most)
    assert (search.held, search.failed) == (most, most + 1)
    assert search.tried <= TRIALS


@pytest.mark.parametrize("first", [0, 1, 3, 10, 60])
@pytest.mark.parametrize("most", [0, 1, 2, 7, 21, 50])
def test_what_is_said_is_true(first: int, most: int) -> None:
    for per_stream in (0.01, 0.05, 0.3):
        search = find(first, most, per_stream=per_stream)
        assert search.held <= most
        assert search.failed is None or search.failed > most
        assert 1 <= search.tried <= TRIALS


def test_an_engine_that_hardly_works_is_given_twice_as_many() -> None:
    search = Search(4)
    assert search.next() == 4
    search.tell(4, held=True, busy=0.01, share=1.0)
    assert search.next() == 8


def test_where_even_one_is_too_many() -> None:
    search = find(1, 0, per_stream=1.0)
    assert (search.held, search.failed, search.next()) == (0, 1, None)
