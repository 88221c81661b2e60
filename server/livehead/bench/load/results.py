"""What a crowd of live sessions saw of the engine, as figures. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from livehead.bench.load.simulated_session import SimulatedSession, WindowSpec
from livehead.core.block import BLOCK_MS
from livehead.engine.host.host import WindowTiming


@dataclass(frozen=True, slots=True)
class WindowResult:
    """A window that got its frames: its timing in the engine, when they came to the session, when its first block's
    audio began (``captured``), and whether it is of a session that stays throughout."""

    timing: WindowTiming
    came: float
    captured: float
    stays: bool


@dataclass
class LoadRecord:
    """Of one crowd. ``begin`` and ``end`` are when its windows were cut, ``opens`` and ``joins`` how many seconds
    streams took to open, before and meanwhile, ``behind`` how many seconds after its time each window was submitted."""

    shape: WindowSpec
    streams: int
    begin: float = 0.0
    end: float = 0.0
    churn_s: float | None = None
    answers: list[WindowResult] = field(default_factory=list)
    stayed: list[SimulatedSession] = field(default_factory=list)
    came: list[SimulatedSession] = field(default_factory=list)
    opens: list[float] = field(default_factory=list)
    joins: list[float] = field(default_factory=list)
    behind: list[float] = field(default_factory=list)
    joined: int = 0
    changed: int = 0
    refused: list[str] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    restarts: int = 0

    @property
    def callers(self) -> list[SimulatedSession]:
        return self.stayed + self.came


@dataclass(frozen=True, slots=True)
class Step:
    """One step, put together from its windows."""

    started: float
    done: float
    batch: int

    @property
    def seconds(self) -> float:
        return self.done - self.started


def steps(answers: Iterable[WindowResult]) -> list[Step]:
    """In the order in which they were made. All windows of a step have the same start."""
    found: dict[float, Step] = {}
    for timing in (answer.timing for answer in answers):
        known = found.get(timing.started)
        done = timing.done if known is None else max(known.done, timing.done)
        found[timing.started] = Step(timing.started, done, timing.batch)
    return [found[started] for started in sorted(found)]


def row(record: LoadRecord) -> dict[str, Any]:
    """One row of ``load``: what is documented in docs/performance/live-sessions.md."""
    shape, answers, callers = record.shape, record.answers, record.callers
    made = steps(answers)
    asked, in_time = _sum(callers, "asked"), _sum(callers, "in_time")
    windows = [answer.came - answer.timing.submitted for answer in answers]
    first = made[0] if made else None
    return {
        "preset": shape.preset,
        "hop": shape.hop,
        "lookahead": shape.lookahead,
        "delay_ms": round(shape.delay_s * 1000),
        "allowance_ms": round((shape.delay_s - shape.floor_s) * 1000),
        "needed_ms": _most(answer.came - answer.captured for answer in answers),
        "streams": record.streams,
        "seconds": round(record.end - record.begin, 2),
        "windows": _sum(callers, "windows"),
        "frames": {
            "asked": asked,
            "in_time": in_time,
            "late": _sum(callers, "late"),
            "never": _sum(callers, "never"),
        },
        "in_time": in_time / asked if asked else 0.0,
        "all_met": asked > 0 and in_time == asked,
        "least_in_time": min((caller.in_time / caller.asked for caller in callers if caller.asked), default=0.0),
        "longest_gap_ms": max((caller.gap for caller in callers), default=0) * BLOCK_MS,
        "window_ms": spread(windows),
        "window_p99_over_p50": ratio(windows),
        "step_ms": spread([step.seconds for step in made]),
        "step_p99_over_p50": ratio([step.seconds for step in made]),
        "batches": {str(size): count for size, count in sorted(Counter(step.batch for step in made).items())},
        "by_batch": [_batch(size, made, answers) for size in sorted({step.batch for step in made})],
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
    }


def _busy(record: LoadRecord, made: Sequence[Step]) -> float:
    within = (min(step.done, record.end) - max(step.started, record.begin) for step in made)
    return round(sum(max(0.0, seconds) for seconds in within) / (record.end - record.begin), 4)


def _batch(size: int, made: Sequence[Step], answers: Sequence[WindowResult]) -> dict[str, Any]:
    taken = [step.seconds for step in made if step.batch == size]
    windows = [answer.came - answer.timing.submitted for answer in answers if answer.timing.batch == size]
    return {
        "batch": size,
        "steps": len(taken),
        "step_ms": spread(taken),
        "step_p99_over_p50": ratio(taken),
        "window_ms": spread(windows),
        "window_p99_over_p50": ratio(windows),
    }


def _churn(record: LoadRecord) -> dict[str, Any]:
    stayed = [answer.came - answer.timing.submitted for answer in record.answers if answer.stays]
    return {
        "every_s": record.churn_s,
        "joined": record.joined,
        "changed": record.changed,
        "stayed": _group(record.stayed) | {"window_ms": spread(stayed), "window_p99_over_p50": ratio(stayed)},
        "came": _group(record.came),
    }


def _group(callers: Sequence[SimulatedSession]) -> dict[str, Any]:
    return {
        "sessions": len(callers),
        "asked": _sum(callers, "asked"),
        "in_time": _sum(callers, "in_time"),
        "lost": _sum(callers, "lost"),
    }


def spread(seconds: Sequence[float]) -> Mapping[str, float] | None:
    """In milliseconds; None of nothing."""
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


def _sum(callers: Iterable[SimulatedSession], name: str) -> int:
    return sum(getattr(caller, name) for caller in callers)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
