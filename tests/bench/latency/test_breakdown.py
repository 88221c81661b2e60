"""Where the time goes: the parts of a frame add up to what the client measured, whatever the clocks show."""

from __future__ import annotations

import pytest

from livehead.bench.latency.breakdown import PARTS, clock_offset, mean_parts, trace
from livehead.bench.latency.recorders.recording import Ping

TOLD = [7, 5000.060, 41.0, 0.1, 1.0, 4.0, 12.0, 3.0]


def test_the_parts_add_up_to_the_total() -> None:
    offset = 4000.0
    found = trace(TOLD, offset, heard=999.990, arrived=1000.061, decoded=1000.063)
    assert sum(found.parts) == pytest.approx(found.total, abs=0.01)
    parts = dict(zip(PARTS, found.parts, strict=True))
    assert parts["network"] == pytest.approx(1.0, abs=0.01)
    assert parts["decode"] == pytest.approx(2.0, abs=0.01)
    assert parts["capture"] == pytest.approx(73.0 - 1.0 - 2.0 - 61.1, abs=0.01)
    assert mean_parts([found, found]) == pytest.approx(parts)


def test_the_quickest_ping_sets_the_clocks() -> None:
    slow = Ping(sent=10.0, clock=510.0, received=10.5)
    quick = Ping(sent=20.0, clock=520.002, received=20.004)
    offset = clock_offset([slow, quick])
    assert offset is not None
    assert offset.offset == pytest.approx(500.0)
    assert offset.uncertainty == pytest.approx(0.002)
    assert clock_offset([]) is None
