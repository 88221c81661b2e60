"""The figures of ``livehead bench attack`` as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from livehead.bench.attack.attacks.catalogue import ATTACKS
from livehead.bench.attack.phase import Claim, Phase

COLUMNS = (
    "phase", "p50", "p95", "fps min", "freezes", "repeated", "healthz p99", "server CPU", "others CPU", "idle CPU",
    "RSS max", "RSS after", "log", "held", "attacker",
)  # fmt: skip
KINDS = 6
"""Kinds of answers that are listed for an attacker, the most frequent first."""


def table(claim: Claim, phases: Sequence[Phase]) -> str:
    """A Markdown table, then what the columns are, what each attack does, and where the claim was broken."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS)]
    lines += ["| " + " | ".join(_cells(phase)) + " |" for phase in phases]
    lines += [
        "",
        "p50, p95: audio to frame of all callers, ms. fps min: the mean of the worst caller. healthz p99: ms, none "
        "where more than one in a hundred failed. CPU in percent of a core; others: other programs; idle: left. RSS in "
        "MB, server with worker; after: without calls. The attacker's answers by status, its sockets by closing code.",
        "",
    ]
    lines += [f"{phase.name}: {ATTACKS[phase.name].does}." for phase in phases if phase.name in ATTACKS]
    broken = [f"{phase.name}: {'; '.join(phase.faults)}" for phase in phases if phase.faults]
    lines += ["", f"The claim: {claim}.", *(["It was broken:", *broken] if broken else ["It held in every phase."])]
    return "\n".join(lines)


def _cells(phase: Phase) -> list[str]:
    used = phase.resources
    return [
        phase.name,
        _number(phase.p50_ms),
        _number(phase.p95_ms),
        f"{phase.fps_min:.1f}",
        str(sum(caller.freezes for caller in phase.callers)),
        str(sum(caller.repeated for caller in phase.callers)),
        _number(phase.health.p99_ms),
        f"{used.server_cpu:.0f} %",
        f"{used.others_cpu:.0f} %",
        f"{used.idle_cpu:.0f} %",
        f"{used.rss_max_mb:.0f}",
        f"{used.rss_after_mb:.0f}" if used.rss_after_mb else "-",
        _size(used.log_bytes),
        "no" if phase.faults else "yes",
        _outcome(phase.outcome),
    ]


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.0f}"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def _outcome(outcome: Mapping[str, int]) -> str:
    most = sorted(outcome.items(), key=lambda each: -each[1])[:KINDS]
    return ", ".join(f"{words} × {count}" for words, count in most) or "-"
