from __future__ import annotations

from livehead.core.recent_delays import RecentDelays


def test_presets_are_told_apart_and_what_was_not_seen_is_not_known() -> None:
    delays = RecentDelays()
    assert delays.of("low") is None
    for ms in range(1, 101):
        delays.note("low", float(ms))
    found = delays.of("low")
    assert found is not None
    assert (found.p50, found.p95) == (50, 95)
    assert delays.of("balanced") is None


def test_only_the_last_ones_count() -> None:
    delays = RecentDelays(kept=10)
    for ms in [500.0] * 100 + [60.0] * 10:
        delays.note("low", ms)
    found = delays.of("low")
    assert found is not None
    assert found.p95 == 60
