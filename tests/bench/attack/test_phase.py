"""What breaks the claim, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from livehead.bench.attack.attack import Attacked
from livehead.bench.attack.health import Health
from livehead.bench.attack.phase import CallerFigures, Claim, Phase, Resources, faults

CLAIM = Claim(bound_ms=200)
GOOD = CallerFigures(latency_ms=(70.0, 80.0), fps=25.0, worst_second=24)
HELD = Phase(
    name="messages",
    callers=(GOOD, replace(GOOD, fps=24.0)),
    health=Health(probes=200, failed=0, p50_ms=3.0, p99_ms=250.0),
    resources=Resources(rss_max_mb=900.0, rss_after_mb=360.0),
    attacked=Attacked({"closed 1008": 80}, 1_000_000, 1.5),
    p50_ms=75.0,
    p95_ms=220.0,
)


def broken(**changes: object) -> list[str]:
    return faults(replace(HELD, **changes), CLAIM, rss_before_mb=300.0)


def test_what_is_just_within_the_claim_holds() -> None:
    assert faults(HELD, CLAIM, rss_before_mb=300.0) == []


def test_a_single_slow_caller_breaks_it() -> None:
    assert broken(callers=(GOOD, replace(GOOD, fps=23.9))) == ["23.9 frames a second"]


def test_a_caller_that_could_not_be_measured_breaks_it() -> None:
    found = broken(callers=(GOOD, CallerFigures(error="no frame within 20 s")))
    assert found[0] == "a caller could not be measured: no frame within 20 s"


def test_frames_that_come_late_break_it() -> None:
    assert broken(p95_ms=220.1) == ["audio to frame p95 220.1 ms"]
    assert broken(p95_ms=None) == ["no frame was measured"]


def test_a_slow_or_missing_answer_of_healthz_breaks_it() -> None:
    assert broken(health=Health(200, 0, 3.0, 250.1)) == ["/healthz p99 250.1 ms"]
    assert broken(health=Health(200, 3, 3.0, None)) == ["3 of 200 requests for /healthz failed"]


def test_memory_that_does_not_come_back_breaks_it() -> None:
    assert broken(resources=Resources(rss_after_mb=361.0)) == ["memory 361 MB after, 300 MB before"]


def test_a_server_that_stopped_breaks_it() -> None:
    assert broken(stopped="the server ended") == ["the server ended"]


def test_an_attacker_that_failed_itself_shows_nothing() -> None:
    assert broken(attacked=Attacked({}, 0, 0.0, "OSError()")) == ["the attacker failed itself: OSError()"]


@pytest.mark.parametrize("number", ["24", "200 ms and 20 ms", "250 ms", "20%"])
def test_the_claim_says_its_numbers(number: str) -> None:
    assert number in str(CLAIM)
