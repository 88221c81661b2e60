"""The figures of ``livehead bench soak``, and as lines for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from livehead.bench.latency.evaluation import spread
from livehead.bench.soak.faults import KINDS as FAULTS
from livehead.bench.soak.faults import Fault
from livehead.bench.soak.measurement import Soaked, SoakPlan, conditions
from livehead.bench.soak.verdict import Verdict


def figures(plan: SoakPlan, soaked: Soaked, found: Verdict) -> dict[str, Any]:
    """What the command prints as JSON."""
    seen = soaked.seen
    visits = seen.visits
    fps = {"mean": round(sum(found.fps) / len(found.fps), 2), "min": round(min(found.fps), 2)} if found.fps else None
    films, renders = ([v.made for v in visits if v.kind == kind and v.made is not None] for kind in ("film", "render"))
    return {
        "good": found.good,
        "reasons": found.reasons,
        "seconds": round(seen.seconds, 1),
        "cut_short": soaked.cut_short,
        "callers": plan.callers,
        "seed": plan.seed,
        "visits": dict(sorted(Counter(visit.kind for visit in visits).items())),
        "dropped": sum(visit.ending == "drop" for visit in visits),
        "bad_line": sum(visit.bad_line for visit in visits),
        "frames": sum(visit.frames for visit in visits) + sum(probe.fresh for probe in seen.probes),
        "faults": {kind: _fault([fault for fault in seen.faults if fault.kind == kind]) for kind in FAULTS},
        "workers_lost": seen.lost_workers,
        "fps": fps,
        "freezes": {
            "count": len(found.stills),
            "longest_s": round(max((still.seconds for still in found.stills), default=0.0), 2),
            "of_faults": len(found.excused),
            "longest_of_faults_s": round(max((still.seconds for still in found.excused), default=0.0), 2),
        },
        "skew_ms": spread([abs(value) for value in found.skew_ms]),
        "skew_drift_ms": None if found.skew_drift_ms is None else round(found.skew_drift_ms, 1),
        "films": {"made": len(films), "broken": films.count(False)},
        "renders": {"made": len(renders), "broken": renders.count(False)},
        "refused": {"rightly": len(found.refused) - len(found.wrongly), "wrongly": len(found.wrongly)},
        "errors": len(found.errors),
        "event_loop_ms": {"held_p999": _rounded(seen.held_ms), "late_p999": _rounded(seen.late_ms)},
        "held": [
            {
                "what": growth.resource.name,
                "unit": growth.resource.unit,
                "from": round(growth.begin, 1),
                "to": round(growth.end, 1),
                "per_hour": round(growth.per_hour, 1),
                "seconds": round(growth.seconds),
                "allowed": round(growth.limit, 1),
                "leaks": growth.leaks,
            }
            for growth in seen.growths
        ],
        "conditions": conditions(plan, soaked.info),
    }


def table(shown: Mapping[str, Any]) -> str:
    """Lines to be printed; the JSON follows them."""
    where = shown["conditions"]
    lines = [
        f"{where['engine']} engine{' ' + where['variant'] if where['variant'] else ''} on {where['device']}, "
        f"{where['size']} pixels; {shown['callers']} callers and a probe for {_duration(shown['seconds'])}"
        f"{', cut short' if shown['cut_short'] else ''}; seed {shown['seed']}; {where['cpus']} CPUs",
        "",
        f"visits     {_counts(shown['visits'])}",
        f"           {shown['dropped']} were dropped without a word, {shown['bad_line']} over a bad line; "
        f"{shown['frames']} pictures were seen",
        f"films      {shown['films']['made']}, {shown['films']['broken']} of them broken; "
        f"renders {shown['renders']['made']}, {shown['renders']['broken']} of them broken",
        f"refused    {shown['refused']['rightly']} rightly, {shown['refused']['wrongly']} wrongly; "
        f"errors {shown['errors']}",
        f"fps        {_pair(shown['fps'], 'mean', 'min')} (mean, least of ten seconds)",
        f"freezes    {shown['freezes']['count']}, the longest {shown['freezes']['longest_s']:g} s; of faults "
        f"{shown['freezes']['of_faults']}, the longest {shown['freezes']['longest_of_faults_s']:g} s",
        f"skew       {_pair(shown['skew_ms'], 'p50', 'p95')} ms between voice and picture (p50, p95), drift "
        f"{_number(shown['skew_drift_ms'])} ms",
        f"event loop held for {_number(shown['event_loop_ms']['held_p999'])} ms (p99.9), late by "
        f"{_number(shown['event_loop_ms']['late_p999'])} ms",
    ]
    if any(fault["times"] for fault in shown["faults"].values()):
        lines += ["", f"{'fault':16}{'times':>7}{'well again, s':>16}{'longest':>9}{'promised':>10}"]
        lines += [
            f"{kind:16}{fault['times']:>7}{_number(fault['p50_s']):>16}{_number(fault['max_s']):>9}"
            f"{_number(fault['promised_s']):>10}"
            for kind, fault in shown["faults"].items()
        ]
    lines += ["", f"{'held by the':44}{'from':>9}{'to':>9}{'an hour':>10}{'allowed':>9}"]
    lines += [
        f"{', '.join(filter(None, (row['what'], row['unit']))):44}{row['from']:>9}{row['to']:>9}"
        f"{row['per_hour']:>10}{row['allowed']:>9}{'  leaks' if row['leaks'] else ''}"
        for row in shown["held"]
    ]
    lines += ["", "The verdict: good." if shown["good"] else "The verdict: bad."]
    return "\n".join([*lines, *(f"  {reason}." for reason in shown["reasons"])])


def _fault(thrown: Sequence[Fault]) -> dict[str, Any]:
    took = [fault.seconds for fault in thrown if fault.seconds is not None]
    return {
        "times": len(thrown),
        "p50_s": spread(took, digits=2)["p50"] if took else None,  # type: ignore[index]
        "max_s": round(max(took), 2) if took else None,
        "promised_s": round(max(fault.within for fault in thrown), 1) if thrown else None,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _pair(values: Mapping[str, float] | None, *names: str) -> str:
    return ", ".join(_number((values or {}).get(name)) for name in names)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
