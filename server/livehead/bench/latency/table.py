"""The figures of ``livehead bench latency`` as a table for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livehead.bench.latency.breakdown import PARTS


def table(figures: Mapping[str, Any]) -> str:
    """Lines to be printed; the JSON follows them."""
    conditions = figures["conditions"]
    lines = [
        f"{conditions['engine']} engine, preset {conditions['latency']} (hop {conditions['hop']}, lookahead "
        f"{conditions['lookahead']}), {conditions['codec']}, {conditions['audio']}; "
        f"{figures['sessions']} session(s), {figures['seconds']:g} s after {conditions['warm_up_s']:g} s of warm-up",
        f"{conditions['cpus']} CPUs, load {conditions['load_before']} before; other programs "
        f"took {conditions['others_cpu_percent']} % of a core"
        + (f"; {_network(conditions)}" if _network(conditions) else ""),
        "",
        f"{'':30}{'p50':>9}{'p95':>9}{'p99':>9}",
        _row("audio to frame, ms", figures["audio_to_picture_ms"]),
        f"{'  floor of this preset':30}{_number(figures['floor_ms']):>9}",
        _row("burst to frame, ms", figures["burst_to_picture_ms"]),
        _row("audio to frame, late client", figures["late_client_ms"]),
        _row("|voice - frame| as played, ms", figures["skew_ms"]),
        _row("|voice - frame| arrival, ms", figures["skew_arrival_ms"]),
        _row("connect, ms", figures["connect_ms"]),
        _row("first frame, ms", figures["first_picture_ms"]),
        "",
        f"fps {_pair(figures['fps'], 'mean', 'min')} (mean, minimum)   freezes {figures['freezes']}   "
        f"repeated {figures['repeated']} ({figures['repeated_percent']} %)   dropped {figures['dropped']}   "
        f"skipped {figures['skipped']}   failed {figures['failed']}",
        f"server: CPU {_number(figures['server']['cpu_percent'])} %, RSS {_number(figures['server']['rss_mb'])} MB",
        "",
        *_breakdown(figures["breakdown_ms"]),
    ]
    lines += [f"failed: {error}" for error in figures["errors"]]
    return "\n".join(lines)


def _breakdown(breakdown: Mapping[str, Any]) -> list[str]:
    if not breakdown["mean"]:
        return ["No breakdown: the server reported nothing about its blocks."]
    rows = ["Where the time goes, ms      mean      p95"]
    rows += [f"  {name:20}{breakdown['mean'][name]:>9}{_number(breakdown['p95'][name]):>9}" for name in PARTS]
    rows.append(
        f"  {'sum':20}{breakdown['sum']:>9}   (measured {breakdown['total']}, over {breakdown['frames']} frames, "
        f"clocks aligned to within {breakdown['clock_uncertainty_ms']} ms)"
    )
    return rows


def _row(name: str, values: Mapping[str, float] | None) -> str:
    shown = [_number((values or {}).get(key)) for key in ("p50", "p95", "p99")]
    if "p99" not in (values or {}):
        shown.pop()
    return f"{name:30}" + "".join(f"{each:>9}" for each in shown)


def _pair(values: Mapping[str, float] | None, *names: str) -> str:
    return ", ".join(_number((values or {}).get(name)) for name in names)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _network(conditions: Mapping[str, Any]) -> str:
    """The impairment on the client's side, in words."""
    told = {
        "relay": "through the TURN relay",
        "loss": f"loss {conditions['loss']:.1%}",
        "jitter_ms": f"jitter {conditions['jitter_ms']:g} ms",
        "rate_kbit": f"{conditions['rate_kbit'] or 0:g} kbit/s",
    }
    return ", ".join(words for name, words in told.items() if conditions[name])
