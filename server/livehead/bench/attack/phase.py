"""What one phase of the benchmark showed, and whether the claim held in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from livehead.bench.attack.attack import Attacked
from livehead.bench.attack.health import Health

OUTSIDE_MS = 20.0
"""The preset's bound is on what the server makes of a block: from its first sample's arrival until its frame is sent.
Audio to frame has more in it: capture, encoding, the network and decoding take 12 to 13 ms on a quiet machine."""

SILENT_S = 20.0
"""A server that does not answer for so long has failed the phase, and is started anew."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one client at its limits may not change. ``bound_ms`` is that of the callers' preset; ``rss_ratio`` is how
    far the memory may be above what it was before the attacks, when they are over."""

    bound_ms: float
    fps: float = 24.0
    health_ms: float = 250.0
    rss_ratio: float = 1.2

    def __str__(self) -> str:
        return (
            f"every caller at {self.fps:g} frames a second or more, audio to frame p95 within the preset's bound of "
            f"{self.bound_ms:g} ms and {OUTSIDE_MS:g} ms for what lies outside it, /healthz p99 within "
            f"{self.health_ms:g} ms, and the server's memory back within {self.rss_ratio - 1:.0%} after"
        )


@dataclass(frozen=True, slots=True)
class CallerFigures:
    """One caller in one phase. ``fps`` is the mean; ``error`` says why it could not be measured, and then there are no
    other figures than perhaps that."""

    latency_ms: Sequence[float] = ()
    fps: float = 0.0
    worst_second: int = 0
    freezes: int = 0
    repeated: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Resources:
    """Processor time in percent of a core: of the server, the callers, the attacker, other programs, and what was left.
    Memory in MB: the most during the phase, and when it was over; then also the server's descriptors and threads."""

    server_cpu: float = 0.0
    callers_cpu: float = 0.0
    attacker_cpu: float = 0.0
    others_cpu: float = 0.0
    idle_cpu: float = 0.0
    rss_max_mb: float = 0.0
    rss_after_mb: float = 0.0
    descriptors: int = 0
    threads: int = 0
    log_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Phase:
    """``name`` is the attack's, or ``quiet`` or ``after``. ``stopped`` says what the server did that ended it."""

    name: str
    callers: Sequence[CallerFigures]
    health: Health
    resources: Resources
    attacked: Attacked | None = None
    stopped: str | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    faults: Sequence[str] = field(default=())

    @property
    def fps_min(self) -> float:
        return min((caller.fps for caller in self.callers), default=0.0)

    @property
    def outcome(self) -> Mapping[str, int]:
        return {} if self.attacked is None else self.attacked.outcome


def faults(phase: Phase, claim: Claim, rss_before_mb: float) -> list[str]:
    """Where ``phase`` breaks the claim, in words. ``rss_before_mb`` is the memory before the attacks."""
    found = [phase.stopped] if phase.stopped else []
    found += [f"a caller could not be measured: {caller.error}" for caller in phase.callers if caller.error]
    if phase.fps_min < claim.fps:
        found.append(f"{phase.fps_min:g} frames a second")
    if phase.p95_ms is None or phase.p95_ms > claim.bound_ms + OUTSIDE_MS:
        found.append("no frame was measured" if phase.p95_ms is None else f"audio to frame p95 {phase.p95_ms:g} ms")
    if phase.health.p99_ms is None:
        found.append(f"{phase.health.failed} of {phase.health.probes} requests for /healthz failed")
    elif phase.health.p99_ms > claim.health_ms:
        found.append(f"/healthz p99 {phase.health.p99_ms:g} ms")
    if phase.resources.rss_after_mb > rss_before_mb * claim.rss_ratio:
        found.append(f"memory {phase.resources.rss_after_mb:.0f} MB after, {rss_before_mb:.0f} MB before")
    if phase.attacked is not None and phase.attacked.error:
        found.append(f"the attacker failed itself: {phase.attacked.error}")
    return found
