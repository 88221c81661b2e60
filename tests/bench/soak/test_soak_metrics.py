"""What is read from /metrics, and from the log."""

from __future__ import annotations

import pytest

from livehead.bench.soak.metrics import HELD, parse, quantile_ms
from livehead.bench.soak.server_log import errors
from livehead.metrics import Metrics
from livehead.series.event_loop import DELAY_S

ENGINE = """
livehead_engine_up 1.0
livehead_engine_restarts_total 2.0
livehead_engine_takeovers_total 3.0
livehead_engine_standby_state{state="off"} 0.0
livehead_engine_standby_state{state="loading"} %g
livehead_engine_standby_state{state="ready"} %g
livehead_http_requests_total{method="GET",status="200"} 7.0
livehead_http_requests_total{method="GET",status="503"} 6.0
livehead_http_requests_total{method="GET",status="500"} 1.0
livehead_http_requests_total{method="POST",status="502"} 2.0
"""


def test_workers_the_reserve_and_wrong_answers() -> None:
    found = parse(ENGINE % (0, 1))
    assert (found.restarts, found.takeovers, found.lost_workers) == (2, 3, 5)
    assert found.wrong == 3
    assert found.whole
    assert not parse(ENGINE % (1, 0)).whole
    assert not parse("livehead_engine_up 0.0\n").whole


def test_quantiles_are_of_the_time_between_two_readings() -> None:
    metrics = Metrics()
    for _ in range(10_000):
        metrics.event_loop.observe(0.0005, 0.5)
    before = parse(metrics.render().decode())
    for held in [0.0005] * 990 + [0.015] * 10:
        metrics.event_loop.observe(1.0, held)
    after = parse(metrics.render().decode())
    assert quantile_ms(before, after, HELD, 0.5) == pytest.approx(1000 * DELAY_S[0] * 500 / 990, rel=0.01)
    p999 = quantile_ms(before, after, HELD, 0.999)
    assert p999 is not None
    assert 12 < p999 <= 20
    assert quantile_ms(after, after, HELD, 0.999) is None
    assert after.memory_mb > 10
    assert after.descriptors > 2


def test_errors_of_a_log_with_their_time() -> None:
    lines = [
        "Livehead is at http://127.0.0.1:1",
        "2026-05-04 10:00:00,250 I livehead.x: fine",
        "2026-05-04 10:00:01,500 E livehead.engine.host: engine down: the worker ended",
        "Traceback (most recent call last):",
        "2026-05-04 10:00:02,000 W livehead.x: slow",
        "2026-05-04 10:00:03,000 C livehead.x: gone",
    ]
    found = errors(lines)
    assert [error.text for error in found] == [
        "livehead.engine.host: engine down: the worker ended",
        "livehead.x: gone",
    ]
    assert found[1].at - found[0].at == pytest.approx(1.5)
