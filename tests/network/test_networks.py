"""What callers on bad networks see and hear. ``pytest tests/network -rP`` prints the table of docs/networks.md."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from busy import Others, again_where_busy, judging
from calls import calling
from judged import Judged
from lab import LINKS, Site
from tun_link import Weather

from fault_rows import Recovery
from livehead.core.latency import percentiles

SETTLE_S = 2.0
"""Between the first frame and the measurement."""

LATE_TICK_MS = 20
"""A block may be sent so much over the bound where the machine did not give the server its turn."""

FAIR = Weather(delay_ms=10)


@dataclass(frozen=True)
class Measured:
    calls: dict[str, Judged]
    others: Others


def measure(
    site: Site, scenarios: dict[str, Weather], seconds: float, during: Callable[[], None] | None = None
) -> Measured:
    """Two calls side by side, each over a link of its own; ``during`` may change the weather."""
    links = dict(zip(scenarios, LINKS, strict=True))
    for name, weather in scenarios.items():
        site.lab.set(links[name], weather)
    with calling(site.lab, site.port, list(LINKS)) as calls:
        begins = time.monotonic() + SETTLE_S
        for call in calls:
            call.measure(begins, begins + seconds)
        time.sleep(begins - time.monotonic())
        others = Others()
        if during is not None:
            during()
        time.sleep(max(0.0, begins + seconds - 0.2 - time.monotonic()))
        others.stop()
        recordings = [call.recording(15) for call in calls]
    found = {
        name: Judged.of(recording, call.spec.stimulus)
        for name, call, recording in zip(scenarios, calls, recordings, strict=True)
    }
    return Measured(found, others)


def show(measured: Measured) -> None:
    for name, judged in measured.calls.items():
        print(row(name, judged))


def row(name: str, judged: Judged) -> str:
    sent = percentiles(ms for _, ms in judged.delays)
    seen = percentiles(ms for _, ms in judged.latencies())
    skew = percentiles(abs(ms) for ms in judged.skews())
    return (
        f"| {name} | {judged.fps:.1f} | {judged.longest_gap:.2f} s | {judged.concealed:.1%} | {sent.p50:.0f} ms "
        f"| {seen.p50:.0f} / {seen.p95:.0f} ms | {skew.p95:.0f} ms |"
    )


def is_usable(judged: Judged) -> None:
    """Holds on every network here: the portrait moves, what is said is heard and seen, in step and in time."""
    spoken, seen, heard = judged.bursts()
    assert judged.fps >= 15
    assert seen >= spoken - 1
    assert heard >= spoken - 1
    assert percentiles(abs(ms) for ms in judged.skews()).p50 <= 40
    assert all(told["delay_ms"] <= judged.bound_ms + LATE_TICK_MS for _, told in judged.figures())
    assert max(ms for _, ms in judged.delays) <= judged.bound_ms + LATE_TICK_MS


@again_where_busy
def test_loss(site: Site) -> None:
    rates = {"2 % loss": 0.02, "5 % loss": 0.05}
    measured = measure(site, {name: Weather(loss=rate, delay_ms=10) for name, rate in rates.items()}, 8)
    with judging(measured.others):
        show(measured)
        for name, rate in rates.items():
            judged = measured.calls[name]
            is_usable(judged)
            assert judged.concealed <= 1.5 * rate + 0.02
            assert judged.longest_gap <= 1.5


@again_where_busy
@pytest.mark.soak
def test_jitter_and_a_narrow_line(site: Site) -> None:
    narrow = LINKS[1]
    site.lab.limit(narrow, kbit=1000, queue_ms=300)
    try:
        measured = measure(site, {"30 ± 15 ms": Weather(delay_ms=30, jitter_ms=15), "1 Mbit/s": FAIR}, 8)
    finally:
        site.lab.unlimit(narrow)
    with judging(measured.others):
        show(measured)
        shaken, thin = measured.calls["30 ± 15 ms"], measured.calls["1 Mbit/s"]
        is_usable(shaken)
        assert shaken.concealed <= 0.05
        assert shaken.longest_gap <= 1.0
        is_usable(thin)
        assert thin.concealed <= 0.05
        # The frame begins too large for this line; the receiver says so, and the line's queue drains.
        late = percentiles(ms for at, ms in thin.latencies() if at > thin.recording.ends - 4)
        assert late.p50 <= 500


@pytest.mark.soak
@again_where_busy
def test_reordering_and_duplication(site: Site) -> None:
    weather = {"5 % reordered": Weather(delay_ms=10, reorder=0.05), "5 % doubled": Weather(delay_ms=10, duplicate=0.05)}
    measured = measure(site, weather, 8)
    with judging(measured.others):
        show(measured)
        for judged in measured.calls.values():
            is_usable(judged)
            assert judged.concealed <= 0.05
            assert judged.longest_gap <= 1.0


@pytest.mark.fault(
    "network",
    "Nothing passes for 2 s",
    "The portrait idles meanwhile; then the call goes on in step, with the delay that it had before.",
    within=2.0,
)
@again_where_busy
def test_a_blackout(site: Site, recovery: Recovery) -> None:
    dark: list[float] = []

    def black_out() -> None:
        time.sleep(3)
        dark.append(time.monotonic())
        site.lab.set(LINKS[0], Weather(loss=1.0))
        time.sleep(2)
        site.lab.set(LINKS[0], FAIR)
        dark.append(time.monotonic())

    measured = measure(site, {"2 s blackout": FAIR, "none": FAIR}, 16, black_out)
    with judging(measured.others):
        show(measured)
        judged, control = measured.calls["2 s blackout"], measured.calls["none"]
        began, ended = dark
        is_usable(control)
        last = max(k for k, seen in judged.frames.items() if seen.decoded < ended)
        back = min(seen.decoded for k, seen in judged.frames.items() if k > last) - ended
        print(f"a new frame {back:.2f} s after the blackout")
        assert back <= 2.0
        end = judged.recording.ends
        before, after = judged.delay(began - 3, began), judged.delay(ended + 8, end)
        usual = control.delay(ended + 8, end)
        print(f"delay {before:.0f} ms before, {after:.0f} ms from 8 s after; {usual:.0f} ms without")
        assert after <= max(before, usual) + 40
        assert judged.buffered(ended + 8, end) <= judged.buffered(began - 3, began) + 20
        assert max(ms for _, ms in judged.delays) <= judged.bound_ms + LATE_TICK_MS
        assert percentiles(abs(ms) for ms in judged.skews()).p50 <= 40
        recovery(f"a new picture; {before:.0f} ms of delay before, {after:.0f} ms from 8 s after", back)
