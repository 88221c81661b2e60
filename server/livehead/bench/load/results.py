"""What simulated sessions saw of the engine, as figures. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from livehead.bench.load.simulated_session import WindowSpec
from livehead.core.block import BLOCK_MS
from livehead.engine.host.host import WindowTiming


@dataclass(frozen=True, slots=True)
class WindowResult:
    """A window whose frames arrived: its timing in the engine, when its frames ``arrived`` at the session, when its
    first block's audio began (``captured``), and whether its session stays throughout. Times are monotonic seconds."""

    timing: WindowTiming
    arrived: float
    captured: float
    stays: bool


class Served(Protocol):
    """What became of a session's frames: see :class:`~livehead.bench.load.simulated_session.SimulatedSession`."""

    windows: int
    asked: int
    in_time: int
    late: int
    gap: int

    @property
    def never(self) -> int: ...
    @property
    def lost(self) -> int: ...


ServedT = TypeVar("ServedT", bound=Served)


@dataclass
class LoadRecord(Generic[ServedT]):
    """Of one load. ``begin`` and ``end`` are the span in which windows were cut; ``opens`` and ``joins`` how many
    seconds streams took to open, before and during it; ``behind`` how many seconds late each window was submitted.
    ``stayed`` are the sessions in slots that do not change, ``churned`` those in slots that do. ``renders`` films were
    made behind them: ``rendered`` frames, and ``rendered_lost`` that the engine did not make."""

    spec: WindowSpec
    streams: int
    begin: float = 0.0
    end: float = 0.0
    churn_s: float | None = None
    results: list[WindowResult] = field(default_factory=list)
    stayed: list[ServedT] = field(default_factory=list)
    churned: list[ServedT] = field(default_factory=list)
    opens: list[float] = field(default_factory=list)
    joins: list[float] = field(default_factory=list)
    behind: list[float] = field(default_factory=list)
    joined: int = 0
    changed: int = 0
    refused: list[str] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    restarts: int = 0
    renders: int = 0
    rendered: int = 0
    rendered_lost: int = 0

    @property
    def sessions(self) -> list[ServedT]:
        return self.stayed + self.churned


@dataclass(frozen=True, slots=True)
class Step:
    """One step, put together from its windows."""

    started: float
    done: float
    batch: int

    @property
    def seconds(self) -> float:
        return self.done - self.started


def steps(results: Iterable[WindowResult]) -> list[Step]:
    """The steps in order. All windows of a step have the same start."""
    found: dict[float, Step] = {}
    for timing in (result.timing for result in results):
        known = found.get(timing.started)
        done = timing.done if known is None else max(known.done, timing.done)
        found[timing.started] = Step(timing.started, done, timing.batch)
    return [found[started] for started in sorted(found)]


def row(record: LoadRecord[Any]) -> dict[str, Any]:
    """One row of ``load``: what is documented in docs/performance/live-sessions.md."""
    spec, results, sessions = record.spec, record.results, record.sessions
    made = steps(results)
    asked, in_time = _sum(sessions, "asked"), _sum(sessions, "in_time")
    windows = [result.arrived - result.timing.submitted for result in results]
    first = made[0] if made else None
    return {
        "preset": spec.preset,
        "hop": spec.hop,
        "lookahead": spec.lookahead,
        "delay_ms": round(spec.delay_s * 1000),
        "allowance_ms": round((spec.delay_s - spec.floor_s) * 1000),
        "needed_ms": _most(result.arrived - result.captured for result in results),
        "streams": record.streams,
        "seconds": round(record.end - record.begin, 2),
        "windows": _sum(sessions, "windows"),
        "frames": {
            "asked": asked,
            "in_time": in_time,
            "late": _sum(sessions, "late"),
            "never": _sum(sessions, "never"),
        },
        "in_time": in_time / asked if asked else 0.0,
        "all_met": asked > 0 and in_time == asked,
        "least_in_time": min((session.in_time / session.asked for session in sessions if session.asked), default=0.0),
        "longest_gap_ms": max((session.gap for session in sessions), default=0) * BLOCK_MS,
        "window_ms": spread(windows),
        "window_p99_over_p50": ratio(windows),
        "step_ms": spread([step.seconds for step in made]),
        "step_p99_over_p50": ratio([step.seconds for step in made]),
        "batches": {str(size): count for size, count in sorted(Counter(step.batch for step in made).items())},
        "by_batch": [_batch(size, made, results) for size in sorted({step.batch for step in made})],
        "busy": _busy(record, made),
        "first_window_ms": None if first is None else _ms(first.seconds),
        "first_window_batch": None if first is None else first.batch,
        "opens_ms": spread(record.opens),
        "joins_ms": spread(record.joins),
        "churn": None if record.churn_s is None else _churn(record),
        "dropped": dict(record.dropped),
        "refused": record.refused,
        "faults": record.faults,
        "restarts": record.restarts,
        "bench_behind_ms": spread(record.behind),
        "renders": _renders(record),
        "speech": None,
        "governed": None,
    }


def _renders(record: LoadRecord[Any]) -> dict[str, Any]:
    """``fps`` is of all films together."""
    fps = round(record.rendered / (record.end - record.begin), 1)
    return {"films": record.renders, "frames": record.rendered, "lost": record.rendered_lost, "fps": fps}


def _busy(record: LoadRecord[Any], made: Sequence[Step]) -> float:
    within = (min(step.done, record.end) - max(step.started, record.begin) for step in made)
    return round(sum(max(0.0, seconds) for seconds in within) / (record.end - record.begin), 4)


def _batch(size: int, made: Sequence[Step], results: Sequence[WindowResult]) -> dict[str, Any]:
    taken = [step.seconds for step in made if step.batch == size]
    windows = [result.arrived - result.timing.submitted for result in results if result.timing.batch == size]
    return {
        "batch": size,
        "steps": len(taken),
        "step_ms": spread(taken),
        "step_p99_over_p50": ratio(taken),
        "window_ms": spread(windows),
        "window_p99_over_p50": ratio(windows),
    }


def _churn(record: LoadRecord[Any]) -> dict[str, Any]:
    stayed = [result.arrived - result.timing.submitted for result in record.results if result.stays]
    return {
        "every_s": record.churn_s,
        "joined": record.joined,
        "changed": record.changed,
        "stayed": _group(record.stayed) | {"window_ms": spread(stayed), "window_p99_over_p50": ratio(stayed)},
        "came": _group(record.churned),
    }


def _group(sessions: Sequence[Served]) -> dict[str, Any]:
    return {
        "sessions": len(sessions),
        "asked": _sum(sessions, "asked"),
        "in_time": _sum(sessions, "in_time"),
        "lost": _sum(sessions, "lost"),
    }


def spread(seconds: Sequence[float]) -> Mapping[str, float] | None:
    """Percentiles in milliseconds; None without values."""
    if not seconds:
        return None
    found = {name: float(np.percentile(seconds, share)) for name, share in (("p50", 50), ("p95", 95), ("p99", 99))}
    return {name: _ms(value) for name, value in found.items()} | {"max": _ms(max(seconds))}


def ratio(seconds: Sequence[float]) -> float | None:
    """The 99th percentile over the median."""
    if not seconds:
        return None
    return round(float(np.percentile(seconds, 99) / np.percentile(seconds, 50)), 3)


def _most(seconds: Iterable[float]) -> float | None:
    most = max(seconds, default=None)
    return None if most is None else _ms(most)


def _sum(sessions: Iterable[Served], name: str) -> int:
    return sum(getattr(session, name) for session in sessions)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
