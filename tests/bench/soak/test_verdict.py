"""A soak is good, and bad for each thing that must not be: figures are given, and none is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from livehead.bench.soak.callers.reports import ProbeReport, Refusal, Still, VisitReport
from livehead.bench.soak.faults import Fault
from livehead.bench.soak.leaks import THREADS, Sample, judge
from livehead.bench.soak.verdict import LogError, Seen, verdict

HOUR = 3600


def probes(skew: Callable[[float], float] = lambda at: 8.0, fresh: int = 250) -> list[ProbeReport]:
    return [ProbeReport(at, at + 10.0, fresh, 0, skew(at), ()) for at in range(0, HOUR, 10)]


def visit(kind: str = "talk", begins: float = 100.0, **given: object) -> VisitReport:
    report = VisitReport(1, kind, begins, bad_line=False, ending="delete", ends=begins + 20, frames=500, watched_s=20.0)
    return replace(report, **given)


def soaked(**given: object) -> Seen:
    """An hour in which all was well."""
    faults = [Fault("worker-killed", 1000.0, 1.0, 0.1), Fault("overload", 2000.0, 1.0, 0.2)]
    seen = Seen(HOUR, [visit(), visit("film", made=True)], probes(), faults, lost_workers=1, held_ms=9.0)
    return replace(seen, **given)


def refused(**given: object) -> Refusal:
    return replace(Refusal(500.0, 503, "full", 2.0, 0, 0), **given)


def test_an_hour_in_which_all_was_well_is_good() -> None:
    found = verdict(soaked())
    assert found.reasons == []
    assert found.good
    assert sum(found.fps) / len(found.fps) == 25
    assert set(found.skew_ms) == {8.0}


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (soaked(probes=probes(lambda at: 45.0)), "voice and picture were 45 ms apart (p95)"),
        (soaked(probes=probes(lambda at: 30 * at / HOUR)), "voice and picture drifted apart: skew grew from"),
        (soaked(probes=probes(fresh=230)), "the probe saw 23.0 new pictures a second, not 24"),
        (soaked(probes=[]), "the probe saw no pictures"),
        (soaked(probes=[replace(each, skew_ms=None) for each in probes()]), "voice and picture were never compared"),
        (soaked(visits=[visit(stills=[Still(500.0, 501.5)])]), "a picture stood still for 1.5 s"),
        (
            soaked(visits=[visit(stills=[Still(at, at + 0.3) for at in range(40)])]),
            "pictures stood still 40 times; 33 times are allowed",
        ),
        (soaked(lost_workers=2), "2 workers of the engine were lost, and 1 were meant to be"),
        (soaked(lost_workers=0), "0 workers of the engine were lost, and 1 were meant to be"),
        (soaked(callers_lost=1), "1 callers ended by themselves"),
        (soaked(visits=[visit(error="no picture")]), "talk: no picture"),
        (soaked(visits=[visit("film", made=False, error="the film does not play")]), "film: the film does not play"),
        (soaked(log=[LogError(3000.0, "livehead.x: broken")]), "log: livehead.x: broken"),
        (soaked(wrong_answers=3), "the server gave 3 answers of status 500 and above that are neither 501 nor 503"),
        (
            soaked(visits=[visit(), visit(refusal=refused(room_before=2, room_after=1))]),
            "refused with 503 full while there was room for 2",
        ),
        (
            soaked(visits=[visit(), visit(refusal=refused(retry_after=None))]),
            "refused with 503 full without a Retry-After",
        ),
        (soaked(held_ms=31.0), "the event loop was held for 31 ms (p99.9)"),
        (soaked(left=["2 sessions are left, without a caller"]), "2 sessions are left, without a caller"),
        (
            soaked(growths=[judge(THREADS, [Sample(at, at) for at in range(100)])]),
            "threads grew from 40.0 to 99.0 in 59 s, 3600.0 an hour; 6.0 is allowed",
        ),
        (
            soaked(faults=[Fault("worker-killed", 1000.0, 1.0, 3.0)]),
            "worker-killed: well again after 3.0 s, not within 1.0 s",
        ),
        (soaked(faults=[Fault("worker-hung", 1000.0, 7.5, None)]), "worker-hung: the server was not well again"),
        (
            soaked(faults=[*soaked().faults, Fault("bad-requests", 50.0, 1.0, 0.1, "GET / was answered with 500")]),
            "bad-requests: GET / was answered with 500",
        ),
        (soaked(visits=[]), "no caller saw a picture"),
    ],
)
def test_what_must_not_be_makes_it_bad_and_is_told(seen: Seen, reason: str) -> None:
    found = verdict(seen)
    assert not found.good
    assert any(each.startswith(reason) for each in found.reasons), found.reasons


@pytest.mark.parametrize(
    "seen",
    [
        soaked(visits=[visit(stills=[Still(1000.1, 1000.9)])]),
        soaked(visits=[visit(bad_line=True, stills=[Still(500.0, 502.0)])]),
        soaked(visits=[visit(), visit(begins=990.0, error="no picture")]),
        soaked(log=[LogError(1000.5, "livehead.engine: engine down")]),
        soaked(visits=[visit(), visit(refusal=refused())]),
        soaked(visits=[visit(), visit(refusal=refused(room_before=1))]),
        soaked(visits=[visit(), visit(refusal=refused(room_before=-1, room_after=-1))]),
        soaked(visits=[visit(), visit(refusal=refused(at=2000.1, room_before=1, room_after=3))]),
        soaked(visits=[visit(), visit(refusal=refused(status=429, room_before=2, room_after=2))]),
        soaked(lost_workers=None, held_ms=None),
        soaked(probes=[*probes(), ProbeReport(1000.0, 1010.0, 120, 0, 90.0, ())]),
    ],
    ids=["still", "bad line", "visit", "log", "full", "just free", "overfull", "overload", "429", "unknown", "probe"],
)
def test_what_a_fault_explains_is_none(seen: Seen) -> None:
    assert verdict(seen).reasons == []


def test_a_picture_that_stands_still_for_longer_than_promised_is_no_faults() -> None:
    found = verdict(soaked(visits=[visit(stills=[Still(1000.1, 1003.0)])]))
    assert found.reasons == ["a picture stood still for 2.9 s"]
    assert found.excused == []


def test_one_still_that_is_told_in_two_spans_is_one() -> None:
    told = [*probes(), ProbeReport(500.0, 510.0, 0, 0, None, (Still(505.0, 510.0),))]
    told.append(ProbeReport(510.0, 520.0, 200, 0, None, (Still(505.0, 512.0),)))
    found = verdict(soaked(probes=told))
    assert found.stills == [Still(505.0, 512.0)]


def test_a_slow_machine_may_take_longer() -> None:
    seen = soaked(held_ms=31.0, visits=[visit(stills=[Still(500.0, 501.5)])])
    assert not verdict(seen).good
    assert verdict(seen, patience=2.0).good
