"""``livehead bench attack``: calls are measured while another client does its worst.

Each phase has new calls; the attacker begins when they are warmed up and ends with the measured span. Before the
attacks there is a quiet phase, after them another one.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tqdm import tqdm

from livehead.bench.attack.attack import Attacked, AttackOrder
from livehead.bench.attack.callers import Callers, callers
from livehead.bench.attack.child import Child, child
from livehead.bench.attack.health import Health
from livehead.bench.attack.phase import OUTSIDE_MS, SILENT_S, CallerFigures, Claim, Phase, Resources, faults
from livehead.bench.attack.target_server import TargetServer
from livehead.bench.http import fetch
from livehead.bench.usage import Usage, usage
from livehead.core.latency import percentiles
from livehead.errors import LiveheadError

QUIET, AFTER = "quiet", "after"

SPARE_SESSIONS = 4
"""Sessions beside the callers' that the server lets in: the attacker has calls, too."""

LOOK_S = 0.5
SETTLE_S = 15.0
"""How long the memory may take to come back."""

ATTACKER_S = 30.0
"""How long the attacker may take to begin, and to end."""


@dataclass(frozen=True, slots=True)
class AttackPlan:
    """``mbit`` is the attacker's line, ``server`` the settings of the server by name."""

    attacks: Sequence[str]
    sessions: int
    seconds: float
    mbit: float
    latency: str
    server: Mapping[str, object]


def run(plan: AttackPlan, say: Callable[[str], None]) -> tuple[Claim, list[Phase]]:
    """Blocks for the whole measurement. Raises LiveheadError if the server does not start. ``say`` gets a line when a
    phase is over and its faults are known."""
    load = {**plan.server, "max_sessions": plan.sessions + SPARE_SESSIONS}
    phases: list[Phase] = []
    with TargetServer(load) as server:
        presets = fetch(f"{server.server.url}/v1/info", server.key)["latency"]
        if plan.latency not in presets:
            raise LiveheadError(f"There is no latency preset {plan.latency!r}; there are {', '.join(presets)}.")
        claim = Claim(bound_ms=presets[plan.latency]["bound_ms"])
        rss_before = None
        names = [QUIET, *plan.attacks, AFTER]
        for name in tqdm(names, unit="phase", disable=None, leave=False):
            phase = _measure(server, plan, name, None if rss_before is None else rss_before * claim.rss_ratio)
            if name == QUIET and (lost := [caller.error for caller in phase.callers if caller.error]):
                raise LiveheadError(
                    f"{len(lost)} of {plan.sessions} calls cannot be measured without any attack: {lost[0]}"
                )
            rss_before = rss_before or phase.resources.rss_after_mb
            phase = replace(phase, faults=faults(phase, claim, rss_before))
            phases.append(phase)
            say(f"{name}: {'; '.join(phase.faults) or 'held'}")
            if phase.stopped or phase.resources.rss_after_mb > rss_before * claim.rss_ratio:
                server.restart()
    return claim, phases


def _measure(server: TargetServer, plan: AttackPlan, name: str, settled_mb: float | None) -> Phase:
    if name in (QUIET, AFTER):
        with callers(server.server.url, server.key, plan.sessions, plan.latency, plan.seconds) as calls:
            watched = _watch(server, calls, None)
            return _phase(name, server, calls, watched, None, settled_mb)
    order = AttackOrder(name, plan.seconds, plan.mbit)
    with (
        child("livehead.bench.attack.attacker", order) as attacker,
        callers(server.server.url, server.key, plan.sessions, plan.latency, plan.seconds) as calls,
    ):
        if attacker.receive(ATTACKER_S) != "ready":
            raise LiveheadError(f"The attacker {name!r} did not start.")
        watched = _watch(server, calls, attacker)
        attacked = attacker.receive(ATTACKER_S)
        return _phase(name, server, calls, watched, attacked or Attacked({}, 0, 0.0, "no report"), settled_mb)


@dataclass(frozen=True, slots=True)
class _Watched:
    """``ended`` is when the server stopped, if it did, else infinite."""

    resources: Resources
    stopped: str | None
    ended: float


def _watch(server: TargetServer, calls: Callers, attacker: Child | None) -> _Watched:
    """Begin the attack with the callers' span, and look at the server until both are over."""
    time.sleep(max(0.0, calls.begins - time.monotonic()))
    log, callers_cpu, before = server.log_bytes, calls.cpu_s, usage(server.server.pid)
    ours = usage(os.getpid())
    attacker_cpu = 0.0 if attacker is None else usage(attacker.process.pid).cpu_s
    if attacker is not None:
        attacker.pipe.send(server.target())
    now, most = before, before.rss_mb
    while time.monotonic() < calls.ends and not (stopped := _stopped(server)):
        time.sleep(max(0.0, min(LOOK_S, calls.ends - time.monotonic())))
        now = usage(server.server.pid)
        most = max(most, now.rss_mb)
    seconds = now.at - before.at
    attacker_cpu = 0.0 if attacker is None else usage(attacker.process.pid).cpu_s - attacker_cpu
    us = usage(os.getpid())
    busy = _percent(now.machine_s - before.machine_s, seconds)
    resources = Resources(
        server_cpu=_percent(now.cpu_s - before.cpu_s, seconds),
        callers_cpu=_percent(calls.cpu_s - callers_cpu, seconds),
        attacker_cpu=_percent(attacker_cpu, seconds),
        idle_cpu=max(0.0, 100 * (os.cpu_count() or 1) - busy),
        others_cpu=max(0.0, busy - _percent(us.cpu_s - ours.cpu_s, us.at - ours.at)),
        rss_max_mb=most,
        log_bytes=server.log_bytes - log,
    )
    while not (stopped := _stopped(server)) and server.silent_s > 1.0:
        time.sleep(LOOK_S)
        resources = replace(resources, rss_max_mb=max(resources.rss_max_mb, usage(server.server.pid).rss_mb))
    return _Watched(resources, stopped, time.monotonic() if stopped else math.inf)


def _phase(
    name: str,
    server: TargetServer,
    calls: Callers,
    watched: _Watched,
    attacked: Attacked | None,
    settled_mb: float | None,
) -> Phase:
    if watched.stopped:
        server.kill()  # so that the callers end at once
    figures: list[CallerFigures] = calls.finish()
    resources = watched.resources
    if not watched.stopped:
        descriptors, threads = server.counts()
        after = _settled(server, settled_mb).rss_mb
        resources = replace(resources, rss_after_mb=after, descriptors=descriptors, threads=threads)
    latency = [each for caller in figures for each in caller.latency_ms]
    spread = percentiles(latency) if latency else None
    return Phase(
        name=name,
        callers=figures,
        health=Health.of(server.health.between(calls.begins, min(calls.ends, watched.ended))),
        resources=resources,
        attacked=attacked,
        stopped=watched.stopped,
        p50_ms=round(spread.p50, 1) if spread else None,
        p95_ms=round(spread.p95, 1) if spread else None,
    )


def _settled(server: TargetServer, enough_mb: float | None) -> Usage:
    """The memory without calls, as soon as it is low enough; after a while as it is then."""
    until = time.monotonic() + SETTLE_S
    if enough_mb is None:
        time.sleep(LOOK_S * 4)
    while (now := usage(server.server.pid)).rss_mb > (enough_mb or 1e9) and time.monotonic() < until:
        time.sleep(LOOK_S)
    return now


def _stopped(server: TargetServer) -> str | None:
    if not server.alive:
        return "the server ended"
    return f"the server did not answer for {SILENT_S:.0f} s" if server.silent_s > SILENT_S else None


def _percent(seconds: float, of: float) -> float:
    return round(100 * seconds / of, 1) if of > 0 else 0.0


def figures(plan: AttackPlan, claim: Claim, phases: Sequence[Phase]) -> dict[str, Any]:
    """What the command prints as JSON."""
    return {
        "held": not any(phase.faults for phase in phases),
        "claim": {
            "fps": claim.fps,
            "bound_ms": claim.bound_ms,
            "outside_ms": OUTSIDE_MS,
            "healthz_p99_ms": claim.health_ms,
            "rss_ratio": claim.rss_ratio,
        },
        "sessions": plan.sessions,
        "seconds": plan.seconds,
        "mbit": plan.mbit,
        "latency": plan.latency,
        "cpus": os.cpu_count(),
        "phases": [_row(phase) for phase in phases],
    }


def _row(phase: Phase) -> dict[str, Any]:
    used = phase.resources
    return {
        "phase": phase.name,
        "audio_to_picture_ms": {"p50": phase.p50_ms, "p95": phase.p95_ms},
        "fps": {"min": phase.fps_min, "worst_second": min((each.worst_second for each in phase.callers), default=0)},
        "freezes": sum(each.freezes for each in phase.callers),
        "repeated": sum(each.repeated for each in phase.callers),
        "healthz_ms": {"p50": phase.health.p50_ms, "p99": phase.health.p99_ms},
        "healthz_failed": phase.health.failed,
        "cpu_percent": {
            "server": used.server_cpu,
            "callers": used.callers_cpu,
            "attacker": used.attacker_cpu,
            "others": round(used.others_cpu, 1),
            "idle": round(used.idle_cpu, 1),
        },
        "rss_mb": {"max": round(used.rss_max_mb, 1), "after": round(used.rss_after_mb, 1)},
        "descriptors": used.descriptors,
        "threads": used.threads,
        "log_bytes": used.log_bytes,
        "attacker": dict(phase.outcome),
        "attacker_bytes": phase.attacked.sent if phase.attacked else 0,
        "faults": list(phase.faults),
    }
