"""Where the time from audio to its frame goes, part by part.

The client sees the microphone, the network and the decoder; the server reports what lies between, for each block.
Pings relate the two clocks, so that the parts of a frame add up to its total.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from livehead.bench.latency.recorders.recording import Ping, Recording

PARTS = ("capture", "buffer", "window", "queue", "generate", "playout", "encode", "network", "decode")
_SERVER = 6


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """Server's clock minus the client's in seconds, known to plus or minus ``uncertainty``."""

    offset: float
    uncertainty: float


@dataclass(frozen=True, slots=True)
class Traced:
    """One frame: milliseconds of each of :data:`PARTS`, and its total as the client measured it."""

    parts: tuple[float, ...]
    total: float


def clock_offset(pings: Sequence[Ping]) -> ClockOffset | None:
    """From the ping with the shortest round trip, as NTP does (RFC 5905 section 10). None without pings."""
    if not pings:
        return None
    best = min(pings, key=lambda ping: ping.received - ping.sent)
    half = (best.received - best.sent) / 2
    return ClockOffset(best.clock - (best.sent + half), half)


def traces(recording: Recording) -> dict[int, Sequence[float]]:
    """What the server reported, by k: ``[k, sent, buffer, window, queue, generate, playout, send]``."""
    reported: dict[int, Sequence[float]] = {}
    for _, figures in recording.stats:
        for block in figures.get("blocks", ()):
            reported[int(block[0])] = block
    return reported


def trace(reported: Sequence[float], offset: float, heard: float, arrived: float, decoded: float) -> Traced:
    """``heard``, ``arrived`` and ``decoded`` are the client's times, in seconds, of a frame's first sample, its last
    packet and the end of its decoding."""
    server = list(reported[2 : 2 + _SERVER])
    sent = reported[1] - offset
    captured = sent - sum(server) / 1000
    parts = [(captured - heard) * 1000, *server, (arrived - sent) * 1000, (decoded - arrived) * 1000]
    return Traced(tuple(parts), (decoded - heard) * 1000)


def mean_parts(found: Sequence[Traced]) -> Mapping[str, float]:
    """Mean milliseconds of each part: means add up, percentiles do not."""
    if not found:
        return {}
    return {name: sum(each.parts[i] for each in found) / len(found) for i, name in enumerate(PARTS)}
