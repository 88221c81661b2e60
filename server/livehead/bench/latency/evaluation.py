"""From recordings to figures. Every definition is in docs/latency.md."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from livehead.bench.latency.alignment import align
from livehead.bench.latency.breakdown import PARTS, ClockOffset, Traced, clock_offset, mean_parts, trace, traces
from livehead.bench.latency.freezes import freezes
from livehead.bench.latency.recorders.counters import Unwrapped
from livehead.bench.latency.recorders.recording import DecodedFrame, Recording
from livehead.bench.latency.skew import Skew, skew
from livehead.bench.latency.stimulus import Stimulus
from livehead.core.block import BLOCK_MS
from livehead.core.latency import percentiles

LOUD = 8
ONSET_BLOCKS = 3


@dataclass(slots=True)
class CallResult:
    """What one client measured, in milliseconds."""

    latency: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    """The same for a client that shows a frame only when the next one begins to arrive."""
    onsets: list[float] = field(default_factory=list)
    skew: Skew = field(default_factory=Skew)
    traced: list[Traced] = field(default_factory=list)
    fps: list[int] = field(default_factory=list)
    freezes: int = 0
    unreadable: int = 0
    agreement: float = 0.0
    clock: ClockOffset | None = None
    counts: dict[str, int] = field(default_factory=dict)
    connect: float = 0.0
    first_frame: float = 0.0
    codec: str = ""
    delay: float = 0.0
    error: str | None = None


def evaluate(recording: Recording, stimulus: Stimulus, *, same_clock: bool) -> CallResult:
    """The figures of one call. ``same_clock``: client and server run on one machine. Raises LiveheadError if the frames
    do not show what was sent."""
    power = stimulus.power
    within = [seen for seen in recording.frames if recording.begins <= seen.decoded < recording.ends]
    unwrap = Unwrapped(16)
    first: dict[int, DecodedFrame] = {}
    for seen in within:
        if seen.k is not None:
            first.setdefault(unwrap(seen.k), seen)
    blocks = sorted(first)
    at = align(power, [(k, first[k].loudness or 0) for k in blocks])
    call = CallResult(agreement=at.agreement, unreadable=sum(seen.k is None for seen in within), codec=recording.codec)
    call.clock = ClockOffset(0.0, 0.0) if same_clock else clock_offset(recording.pings)
    reported = traces(recording)
    begun = sorted(recording.first_packets)
    for k in blocks:
        seen = first[k]
        heard = recording.began + at.heard_ms(k) / 1000
        call.latency.append((seen.decoded - heard) * 1000)
        place = bisect_right(begun, seen.timestamp)
        if place < len(begun):
            held = max(0.0, recording.first_packets[begun[place]] - seen.arrived)
            call.late.append((seen.decoded + held - heard) * 1000)
        if k in reported and call.clock is not None:
            call.traced.append(trace(reported[k], call.clock.offset, heard, seen.arrived, seen.decoded))
    for onset in stimulus.onsets:
        k = int((onset * 1000 - at.heard_ms(0)) // BLOCK_MS)
        loud = [first[n].decoded for n in range(k, k + ONSET_BLOCKS) if n in first and (first[n].loudness or 0) >= LOUD]
        if loud and k - 1 in first:
            call.onsets.append((min(loud) - recording.began - onset) * 1000)
    call.skew = skew(recording, power, [(k, first[k].timestamp, first[k].decoded) for k in blocks], at)
    call.fps = [0] * int(recording.ends - recording.begins)
    for seen in first.values():
        second = int(seen.decoded - recording.begins)
        if second < len(call.fps):
            call.fps[second] += 1
    call.freezes = freezes([seen.decoded for seen in within])
    call.counts = _grown(recording)
    call.delay = _delay(recording)
    call.connect = (recording.connect_s or 0) * 1000
    call.first_frame = (recording.first_frame_s or 0) * 1000
    return call


def spread(values: Sequence[float], *, p99: bool = False, digits: int = 1) -> dict[str, float] | None:
    """``{p50, p95}``, None where there is nothing."""
    if not values:
        return None
    found = percentiles(values)
    shown = {"p50": found.p50, "p95": found.p95} | ({"p99": found.p99} if p99 else {})
    return {name: round(value, digits) for name, value in shown.items()}


def summary(calls: Sequence[CallResult], failed: int, seconds: float) -> dict[str, Any]:
    """The figures of all calls together, as docs/latency.md names them."""
    good = [call for call in calls if call.error is None]
    latency = [each for call in good for each in call.latency]
    played = [each for call in good for each in call.skew.played]
    arrived = [each for call in good for each in call.skew.arrived]
    fps = [each for call in good for each in call.fps]
    traced = [each for call in good for each in call.traced]
    counts = {name: sum(call.counts.get(name, 0) for call in good) for name in ("repeated", "dropped", "skipped")}
    parts = mean_parts(traced)
    totals = [each.total for each in traced]
    return {
        "sessions": len(calls) + failed,
        "seconds": seconds,
        "audio_to_picture_ms": spread(latency, p99=True),
        "skew_ms": spread([abs(each) for each in played]),
        "fps": {"mean": round(sum(fps) / len(fps), 2), "min": min(fps)} if fps else None,
        "freezes": sum(call.freezes for call in good),
        **counts,
        "connect_ms": spread([call.connect for call in good]),
        "first_picture_ms": spread([call.first_frame for call in good]),
        "failed": failed,
        "frames": len(latency),
        "repeated_percent": round(100 * counts["repeated"] / (25 * seconds * len(good)), 2) if good else None,
        "burst_to_picture_ms": spread([each for call in good for each in call.onsets], p99=True),
        "late_client_ms": spread([each for call in good for each in call.late], p99=True),
        "skew_arrival_ms": spread([abs(each) for each in arrived]),
        "skew_mean_ms": {"played": _mean(played), "arrived": _mean(arrived)},
        "delay_ms": _mean([call.delay for call in good]),
        "breakdown_ms": {
            "mean": {name: round(value, 1) for name, value in parts.items()},
            "p95": {
                name: (spread([each.parts[i] for each in traced]) or {}).get("p95") for i, name in enumerate(PARTS)
            },
            "sum": round(sum(parts.values()), 1),
            "total": _mean(totals),
            "frames": len(traced),
            "clock_uncertainty_ms": round(max((c.clock.uncertainty for c in good if c.clock), default=0.0) * 1000, 2),
        },
        "unreadable": sum(call.unreadable for call in good),
        "agreement": round(min((call.agreement for call in good), default=0.0), 3),
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 1) if values else None


def _grown(recording: Recording) -> dict[str, int]:
    """What the server counted during the measurement, to within a second."""
    before: Mapping[str, Any] = {}
    after: Mapping[str, Any] = {}
    for at, figures in recording.stats:
        if at <= recording.begins or not before:
            before = figures
        if at <= recording.ends:
            after = figures
    names = ("repeated", "dropped", "skipped")
    return {name: int(after.get(name, 0)) - int(before.get(name, 0)) for name in names}


def _delay(recording: Recording) -> float:
    reported = [
        float(figures["delay_ms"]) for at, figures in recording.stats if recording.begins <= at <= recording.ends
    ]
    return sum(reported) / len(reported) if reported else 0.0
