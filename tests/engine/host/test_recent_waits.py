"""What windows of all streams took lately."""

from __future__ import annotations

from livehead.engine.host.recent_waits import LEAST, MEMORY_S, RecentWaits


def test_it_is_what_nine_of_ten_took() -> None:
    waits = RecentWaits()
    for number in range(1, 101):
        waits.note(number / 1000, 50.0)
    assert waits.usual(50.0) == 0.090


def test_few_say_nothing_and_old_ones_are_forgotten() -> None:
    waits = RecentWaits()
    for number in range(LEAST):
        assert waits.usual(10.0 + number) == 0.0
        waits.note(0.2, 10.0 + number / 10)
    assert waits.usual(20.0) == 0.2
    assert waits.usual(11.0 + MEMORY_S) == 0.0
