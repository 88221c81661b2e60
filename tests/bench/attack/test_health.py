"""Probes of /healthz: a failure is slower than any answer."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from multiprocessing import Pipe
from subprocess import Popen
from unittest.mock import Mock

import pytest

from livehead.bench.attack.child import Child
from livehead.bench.attack.health import EVERY_S, Health, HealthRecord, Probe


def test_percentiles_count_failures_as_the_slowest() -> None:
    probes = [Probe(0.0, float(ms)) for ms in range(1, 199)] + [Probe(0.0, math.inf)] * 2
    found = Health.of(probes)
    assert (found.probes, found.failed) == (200, 2)
    assert found.p50_ms == 101.0
    assert found.p99_ms is None


def test_one_failure_in_two_hundred_is_beyond_the_99th_percentile() -> None:
    probes = [Probe(0.0, 5.0)] * 199 + [Probe(0.0, math.inf)]
    assert Health.of(probes).p99_ms == 5.0


def test_without_any_probe_nothing_is_known() -> None:
    assert Health.of([]) == Health(0, 0, None, None)


@pytest.fixture
def told() -> Iterator[tuple[HealthRecord, object]]:
    ours, theirs = Pipe()
    yield HealthRecord(Child(Mock(Popen), ours)), theirs
    ours.close()
    theirs.close()


def test_only_probes_of_the_span_are_counted(told: tuple[HealthRecord, Mock]) -> None:
    record, pipe = told
    now = time.monotonic()
    pipe.send([Probe(now - 1, 1.0), *(Probe(now + number * EVERY_S, 2.0) for number in range(40))])
    assert {probe.ms for probe in record.between(now, now + 2)} == {2.0}


def test_failures_are_no_sign_of_life(told: tuple[HealthRecord, Mock]) -> None:
    record, pipe = told
    before = record.answered
    pipe.send([Probe(before + 5, math.inf)])
    record.refresh()
    assert record.answered == before
    pipe.send([Probe(before + 5, 100.0)])
    record.refresh()
    assert record.answered == pytest.approx(before + 5.1)


def test_a_process_that_has_ended_is_no_error(told: tuple[HealthRecord, Mock]) -> None:
    record, pipe = told
    pipe.close()
    record.refresh()
    assert record.between(0.0, 0.0) == []
