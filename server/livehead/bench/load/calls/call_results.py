"""What simulated calls saw, as figures. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from livehead.bench.load.calls.call_figures import CallFigures
from livehead.bench.load.results import LoadRecord, WindowResult, row, spread
from livehead.bench.load.simulated_session import WindowSpec
from livehead.core.block import BLOCK_MS
from livehead.core.latency_choice import AUTO

GOVERNED_SHARE = 0.995
"""Where the delay is what the playout chooses, it learns from a frame that is late: so many must be in time, …"""

GOVERNED_GAP_MS = 200
"""… and no picture may stand still for longer."""

ANY = WindowSpec(AUTO, 0, 0, 0.0)


class Call(Protocol):
    """What is asked of a :class:`~livehead.bench.load.calls.simulated_call.SimulatedCall`."""

    @property
    def figures(self) -> CallFigures: ...
    @property
    def results(self) -> Sequence[WindowResult]: ...
    @property
    def behind(self) -> Sequence[float]: ...


@dataclass
class CallsRecord:
    """Of ``count`` calls that each speak for a share of ``speech``. ``spec`` is None where a governor gave them their
    presets. ``begin`` and ``end`` are the span that counts."""

    spec: WindowSpec | None
    count: int
    speech: float
    calls: Sequence[Call]
    begin: float = 0.0
    end: float = 0.0
    opens: list[float] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    restarts: int = 0


def calls_row(record: CallsRecord) -> dict[str, Any]:
    """One row of ``load``, with what there is of calls only: see docs/performance/live-sessions.md."""
    figures = [call.figures for call in record.calls]
    load: LoadRecord[CallFigures] = LoadRecord(record.spec or ANY, record.count, begin=record.begin, end=record.end)
    load.results = [
        result for call in record.calls for result in call.results if record.begin <= result.timing.started < record.end
    ]
    load.stayed = list(figures)
    load.opens, load.dropped = record.opens, record.dropped
    load.behind = [late for call in record.calls for late in call.behind]
    load.faults, load.restarts = record.faults, record.restarts
    found = row(load)
    if record.spec is None:
        found |= dict.fromkeys(("hop", "lookahead", "delay_ms", "allowance_ms"))
        gap = found["longest_gap_ms"]
        found["all_met"] = found["in_time"] >= GOVERNED_SHARE and gap <= GOVERNED_GAP_MS
    return found | {"speech": _speech(record, figures), "governed": _governed(figures) if record.spec is None else None}


def _speech(record: CallsRecord, figures: Sequence[CallFigures]) -> dict[str, Any]:
    steps = sum((each.steps for each in figures), Counter[bool]())
    frames = sum((each.frames for each in figures), Counter[bool]())
    hops = sum((each.hops for each in figures), Counter[int]())
    return {
        "share": record.speech,
        "spoke": _share(sum(each.spoke for each in figures), sum(each.ticks for each in figures)),
        "silent_windows": _share(steps[True], steps.total()),
        "silent_frames": _share(frames[True], frames.total()),
        "rewinds": sum(each.rewinds for each in figures),
        "hops": {str(hop): hops[hop] for hop in sorted(hops)},
    }


def _governed(figures: Sequence[CallFigures]) -> dict[str, Any]:
    presets = sum((each.presets for each in figures), Counter[str]())
    moves = sorted(move for each in figures for move in each.moves)
    delays = [delay / 1000 for each in figures for delay in each.delays]
    return {
        "presets": {name: _share(count, presets.total()) for name, count in presets.most_common()},
        "delay_ms": spread(delays),
        "moves": len(moves),
        "moves_by_kind": dict(Counter(f"{before} to {after}" for _, before, after in moves)),
        "move_gap_ms": max((each.move_gap for each in figures if each.moves), default=0) * BLOCK_MS,
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
