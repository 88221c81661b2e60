"""What a soak showed, and whether that is good. Pure. The limits are in docs/performance/soak.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from livehead.bench.soak.callers.reports import ProbeReport, Refusal, Still, VisitReport
from livehead.bench.soak.faults import WORKER, Fault
from livehead.bench.soak.leaks import Growth, Resource, Sample, judge
from livehead.core.latency import percentiles

SKEW_MS = 40.0
"""|voice - picture|, p95 of the spans of ten seconds."""

SKEW_DRIFT_MS = 20.0
"""How much the skew may grow, or shrink, in the whole soak."""

FPS = 24.0
STILL_S = 1.0
"""How long a picture may stand still without a fault, and how often it may stand still at all."""

STILLS_HOUR = 30.0
STILLS = 3
LOOP_MS = 20.0
"""How long the event loop may be held, p99.9."""

FOUND_MS = 500.0
"""The skew of a span that holds a worker's loss is not counted; a call needs so long to be in step again."""

AFTER_S = 2.0
"""What goes wrong so soon after a fault is over may be of it."""

LISTED = 8
"""Errors of one kind that are told; of more only the number."""


@dataclass(frozen=True, slots=True)
class LogError:
    """``at`` is monotonic seconds."""

    at: float
    text: str


@dataclass(slots=True)
class Seen:
    """All of it. ``lost_workers`` is None where the server does not tell; ``wrong_answers`` are its answers of status
    500 and above; ``held_ms`` and ``late_ms`` how long the event loop was held by itself and late at all, p99.9.
    ``left`` says what was left behind at the end; ``callers_lost`` counts callers that ended by themselves."""

    seconds: float
    visits: Sequence[VisitReport] = ()
    probes: Sequence[ProbeReport] = ()
    faults: Sequence[Fault] = ()
    growths: Sequence[Growth] = ()
    not_judged: Sequence[str] = ()
    log: Sequence[LogError] = ()
    lost_workers: int | None = None
    wrong_answers: int | None = None
    held_ms: float | None = None
    late_ms: float | None = None
    left: Sequence[str] = ()
    callers_lost: int = 0


@dataclass(slots=True)
class Verdict:
    """``reasons`` are sentences without full stops; the soak is good where there are none."""

    reasons: list[str] = field(default_factory=list)
    skew_ms: list[float] = field(default_factory=list)
    skew_drift_ms: float | None = None
    fps: list[float] = field(default_factory=list)
    stills: list[Still] = field(default_factory=list)
    excused: list[Still] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    wrongly: list[Refusal] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.reasons


def verdict(seen: Seen, patience: float = 1.0) -> Verdict:
    """``patience``: times as much is allowed of everything that a slow machine makes longer."""
    found = Verdict()
    judging: tuple[Callable[[Seen, Verdict, float], Iterable[str]], ...] = (
        _faults,
        _workers,
        _pictures,
        _stills,
        _skew,
        _errors,
        _refusals,
        _event_loop,
    )
    for judged in judging:
        found.reasons += judged(seen, found, patience)
    found.reasons += [str(growth) for growth in seen.growths if growth.leaks]
    found.reasons += [*seen.not_judged, *seen.left]
    return found


def _faults(seen: Seen, found: Verdict, patience: float) -> Iterable[str]:
    for fault in seen.faults:
        if fault.wrong is not None:
            yield f"{fault.kind}: {fault.wrong}"
        elif fault.seconds is None:
            yield f"{fault.kind}: the server was not well again"
        elif fault.seconds > fault.within:
            yield f"{fault.kind}: well again after {fault.seconds:.1f} s, not within {fault.within:.1f} s"


def _workers(seen: Seen, found: Verdict, patience: float) -> Iterable[str]:
    meant = sum(fault.kind in WORKER for fault in seen.faults)
    if seen.lost_workers is not None and seen.lost_workers != meant:
        yield f"{seen.lost_workers} workers of the engine were lost, and {meant} were meant to be"
    if seen.callers_lost:
        yield f"{seen.callers_lost} callers ended by themselves"


def _pictures(seen: Seen, found: Verdict, patience: float) -> Iterable[str]:
    quiet = [probe for probe in seen.probes if probe.error is None and not _near_worker(seen, probe)]
    found.fps = [probe.fresh / (probe.ends - probe.begins) for probe in quiet if probe.ends > probe.begins]
    if not found.fps:
        yield "the probe saw no pictures"
    elif (mean := sum(found.fps) / len(found.fps)) < FPS / patience:
        yield f"the probe saw {mean:.1f} new pictures a second, not {FPS:g}"
    if not any(visit.frames for visit in seen.visits):
        yield "no caller saw a picture"


def _stills(seen: Seen, found: Verdict, patience: float) -> Iterable[str]:
    for still in _merged(seen):
        excused = any(
            fault.begins - AFTER_S <= still.begins and still.ends <= fault.excuses_until + AFTER_S * (patience - 1)
            for fault in seen.faults
            if fault.kind in WORKER
        )
        (found.excused if excused else found.stills).append(still)
    longest = max((still.seconds for still in found.stills), default=0.0)
    if longest > STILL_S * patience:
        yield f"a picture stood still for {longest:.1f} s"
    allowed = STILLS + STILLS_HOUR * seen.seconds / 3600
    if len(found.stills) > allowed * patience:
        yield f"pictures stood still {len(found.stills)} times; {allowed * patience:.0f} times are allowed"


def _skew(seen: Seen, found: Verdict, patience: float) -> Iterable[str]:
    timed = [
        Sample(probe.ends, probe.skew_ms)
        for probe in seen.probes
        if probe.skew_ms is not None and not _near_worker(seen, probe)
    ]
    found.skew_ms = [sample.value for sample in timed]
    if not timed:
        yield "voice and picture were never compared"
        return
    p95 = percentiles([abs(value) for value in found.skew_ms]).p95
    if p95 > SKEW_MS:
        yield f"voice and picture were {p95:.0f} ms apart (p95)"
    if len(timed) >= 16:
        growth = judge(Resource("skew", "ms", SKEW_DRIFT_MS), timed, warm_up=0.0)
        found.skew_drift_ms = growth.grown
        if abs(growth.grown) > SKEW_DRIFT_MS:
            yield f"voice and picture drifted apart: {growth}"


def _errors(seen: Seen, found: Verdict, patience: float) -> Iterable[str]:
    """Of callers and in the log, but what a fault explains."""
    for visit in seen.visits:
        if visit.error is not None and not _explained(seen, visit.begins, visit.ends, patience):
            found.errors.append(f"{visit.kind}: {visit.error}")
    for probe in seen.probes:
        if probe.error is not None and not _explained(seen, probe.begins, probe.ends, patience):
            found.errors.append(f"probe: {probe.error}")
    for logged in seen.log:
        if not _explained(seen, logged.at, logged.at, patience):
            found.errors.append(f"log: {logged.text}")
    yield from found.errors[:LISTED]
    if len(found.errors) > LISTED:
        yield f"{len(found.errors) - LISTED} more errors"
    if seen.wrong_answers:
        yield f"the server gave {seen.wrong_answers} answers of status 500 and above that are neither 501 nor 503"


def _refusals(seen: Seen, found: Verdict, patience: float) -> Iterable[str]:
    """503 while there is room is wrong, and so is one that does not say when to come back."""
    found.refused = [visit.refusal for visit in seen.visits if visit.refusal is not None]
    for refusal in found.refused:
        if refusal.status != 503:
            continue
        room = (refusal.room_before or 0) > 0 and (refusal.room_after or 0) > 0
        if (room and not _explained(seen, refusal.at, refusal.at, patience)) or refusal.retry_after is None:
            found.wrongly.append(refusal)
    for refusal in found.wrongly[:LISTED]:
        if refusal.retry_after is None:
            yield f"refused with 503 {refusal.problem} without a Retry-After"
        else:
            yield f"refused with 503 {refusal.problem} while there was room for {refusal.room_before}"


def _event_loop(seen: Seen, found: Verdict, patience: float) -> Iterable[str]:
    if seen.held_ms is not None and seen.held_ms > LOOP_MS * patience:
        yield f"the event loop was held for {seen.held_ms:.0f} ms (p99.9)"


def _explained(seen: Seen, begins: float, ends: float, patience: float) -> bool:
    """Whether a fault was under way, or just over, at any time between."""
    return any(
        fault.begins <= ends and begins <= fault.over + AFTER_S * patience
        for fault in seen.faults
        if fault.kind in (*WORKER, "overload")
    )


def _near_worker(seen: Seen, probe: ProbeReport) -> bool:
    return any(
        fault.begins <= probe.ends and probe.begins <= fault.over + FOUND_MS / 1000
        for fault in seen.faults
        if fault.kind in WORKER
    )


def _merged(seen: Seen) -> list[Still]:
    """Of the probe, and of callers on a good line; of those that are the same, the longest."""
    told = [still for probe in seen.probes for still in probe.stills]
    longest: dict[float, Still] = {}
    for still in told:
        if still.begins not in longest or still.ends > longest[still.begins].ends:
            longest[still.begins] = still
    callers = [still for visit in seen.visits if not visit.bad_line for still in visit.stills]
    return [*longest.values(), *callers]
