"""What simulated calls saw, and the figures made of that."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest

from livehead.bench.load.calls.call_figures import MOVE_S, CallFigures
from livehead.bench.load.calls.call_results import CallsRecord, calls_row
from livehead.bench.load.results import WindowResult
from livehead.bench.load.simulated_session import WindowSpec
from livehead.core.playout.tick import Kind
from livehead.engine.host.host import WindowTiming

SPEC = WindowSpec("low", 4, 1, 0.59)


@dataclass
class Seen:
    figures: CallFigures
    results: list[WindowResult] = field(default_factory=list)
    behind: list[float] = field(default_factory=list)


def ticks(figures: CallFigures, kinds: str, at: float, preset: str = "low") -> None:
    """``f`` is a fresh frame, ``r`` a block without one, ``h`` a hold."""
    names = {"f": Kind.FRESH, "r": Kind.REPEAT, "h": Kind.HOLD}
    for number, letter in enumerate(kinds):
        k = None if letter == "h" else number
        figures.tick(names[letter], k, 300.0 + number, at + number * 0.04, preset=preset, speaks=number % 2 == 0)


def test_blocks_and_pictures_that_stand_still_are_counted_from_the_begin_on() -> None:
    figures = CallFigures(begin=10.0)
    ticks(figures, "rrrr", 9.0)
    ticks(figures, "ffrrhff", 10.0)
    assert (figures.asked, figures.in_time, figures.lost, figures.gap, figures.ticks) == (6, 4, 2, 3, 7)
    assert figures.delays == [300.0, 301.0, 305.0, 306.0]
    figures.late = 1
    assert figures.never == 1


def test_a_picture_that_stands_still_soon_after_a_move_belongs_to_it() -> None:
    figures = CallFigures(begin=0.0)
    ticks(figures, "frrrrf", 1.0)
    assert (figures.gap, figures.move_gap) == (4, 0)
    figures.move("low", "balanced", 2.0)
    ticks(figures, "frrf", 2.0)
    ticks(figures, "frrrrrf", 2.0 + MOVE_S + 1)
    assert (figures.gap, figures.move_gap) == (5, 2)


def test_steps_are_of_silence_or_of_speech() -> None:
    figures = CallFigures(begin=10.0)
    figures.submitted(0, 28, 9.0, silent=True)
    figures.made(0, 28, 9.5)
    figures.submitted(28, 28, 10.0, silent=True)
    figures.submitted(30, 4, 10.1, silent=False)
    figures.submitted(34, 4, 10.2, silent=False)
    figures.made(28, 28, 10.3)
    figures.made(30, 8, 10.4)
    figures.rewound(9.9)
    figures.rewound(10.5)
    assert figures.steps == {True: 1, False: 1}
    assert figures.frames == {True: 28, False: 8}
    assert (figures.windows, dict(figures.hops), figures.rewinds) == (3, {4: 2}, 1)


def record(spec: WindowSpec | None, kinds: str) -> CallsRecord:
    figures = CallFigures(begin=10.0)
    ticks(figures, kinds, 10.0)
    figures.submitted(0, 28, 10.0, silent=True)
    figures.made(0, 28, 10.2)
    figures.move("low", "balanced", 10.2)
    seen = Seen(figures, [WindowResult(WindowTiming(10.0, 10.1, 10.2, 1), 10.21, 9.9, stays=True)], [0.001])
    return CallsRecord(spec, 1, 0.4, [seen], 10.0, 12.0, opens=[0.1], dropped=Counter(late=1))


def test_a_row_at_a_preset() -> None:
    row = calls_row(record(SPEC, "f" * 9 + "r"))
    assert (row["preset"], row["hop"], row["delay_ms"], row["streams"]) == ("low", 4, 590, 1)
    assert row["frames"] == {"asked": 10, "in_time": 9, "late": 0, "never": 1}
    assert (row["all_met"], row["longest_gap_ms"], row["dropped"], row["governed"]) == (False, 40, {"late": 1}, None)
    assert row["busy"] == pytest.approx(0.05)
    assert row["speech"] == {
        "share": 0.4,
        "spoke": 0.5,
        "silent_windows": 1.0,
        "silent_frames": 1.0,
        "rewinds": 0,
        "hops": {},
    }


def test_a_governed_row_says_who_had_what() -> None:
    row = calls_row(record(None, "f" * 10))
    assert (row["preset"], row["hop"], row["delay_ms"], row["all_met"]) == ("auto", None, None, True)
    governed = row["governed"]
    assert governed["presets"] == {"low": 1.0}
    assert governed["delay_ms"]["p50"] == pytest.approx(304.5)
    assert (governed["moves"], governed["moves_by_kind"], governed["move_gap_ms"]) == (1, {"low to balanced": 1}, 0)
    assert not calls_row(record(None, "f" * 9 + "r"))["all_met"]
    assert not calls_row(record(None, "f" * 5000 + "r" * 6 + "f"))["all_met"]  # a picture stood still for 240 ms
