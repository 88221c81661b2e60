"""Short days of a simulated card."""

from __future__ import annotations

import json

import pytest

from livehead.bench.load.day import DayPlan, callers, lite_on_h100, run, table

SHORT = {"hours": 2, "hour_s": 40.0, "call_s": 30.0}


def test_the_same_seed_gives_the_same_day_and_the_rows_add_up() -> None:
    plan = DayPlan(callers=(4, 6), **SHORT)
    figures = run(plan)
    assert json.dumps(run(plan)) == json.dumps(figures)
    rows, day = figures["hours"], figures["day"]
    assert [row["callers"] for row in rows] == [callers(plan, hour) for hour in range(2)]
    for name in ("callers", "refused", "moves"):
        assert sum(row[name] for row in rows) == day[name]
    assert sum(day["at"].values()) == pytest.approx(1, abs=1e-3)
    assert 0.15 < day["busy"] < 0.9
    assert "callers" in table(figures)


def test_few_have_a_low_delay_and_many_a_long_one_and_nobody_is_refused_before_the_card_is_full() -> None:
    few = run(DayPlan(callers=(3, 3), **SHORT))["day"]
    many = run(DayPlan(callers=(60, 60), **SHORT))["day"]
    assert few["at"]["low"] > 0.5
    assert few["refused"] == 0
    assert many["at"]["throughput"] > 0.6
    assert many["refused"] > 0
    assert many["most"] == lite_on_h100().capacity().streams["throughput"] == 22
    assert few["delay_ms"]["p50"] < many["delay_ms"]["p50"] < 1300


def test_those_who_choose_low_are_refused_sooner() -> None:
    assert run(DayPlan(callers=(20, 20), latency="low", **SHORT))["day"]["most"] == 6
