"""``livehead bench latency``: microphone to frame over real WebRTC calls, with one clock."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from tqdm import tqdm

from livehead.bench.http import fetch
from livehead.bench.latency.client import CONNECT_S, ClientSpec, MeasuredSpan
from livehead.bench.latency.client_processes import ClientProcess, await_clients, client_processes
from livehead.bench.latency.evaluation import CallResult, evaluate, summary
from livehead.bench.latency.recorders.recording import Recording
from livehead.bench.server_process import own_server
from livehead.bench.usage import Usage, usage
from livehead.core.block import BLOCK_MS
from livehead.errors import LiveheadError

WARM_UP_S = 4.0
"""Not measured at the beginning: the delay settles, and the encoder's first keyframe is large."""

IMPORT_S = 60.0
STAGGER_S = 0.2
SPARE_AUDIO_S = 30.0
CODEC_MS = 6.5
"""The look-ahead of an Opus encoder (RFC 6716 section 2)."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class LatencyPlan:
    """``server`` holds settings by name, for the server that is started if ``url`` is None. ``loss`` is a share,
    ``rate_kbit`` kilobits a second each way; None is no limit. ``key`` is an API key or a token, for a server that
    needs one. With ``relay`` the media go through the server's TURN relay, and no other way."""

    url: str | None
    sessions: int
    seconds: float
    latency: str | None
    audio: Path | None
    loss: float
    jitter_ms: float
    server: Mapping[str, object]
    rate_kbit: float | None = None
    seed: int = 1
    key: str | None = field(default=None, repr=False)
    relay: bool = False


@dataclass(frozen=True, slots=True)
class LatencyResult:
    figures: dict[str, Any]
    latency_ms: Sequence[float]


def run(plan: LatencyPlan) -> LatencyResult:
    """Blocks for the whole measurement. Raises LiveheadError if the server cannot be reached or no call could be
    measured."""
    if plan.url is not None:
        return _measure(plan, plan.url, None)
    with own_server({**plan.server, "max_sessions": max(plan.sessions, 1)}) as server:
        return _measure(plan, server.url, server.pid)


def _measure(plan: LatencyPlan, url: str, pid: int | None) -> LatencyResult:
    info = fetch(urljoin(url, "/v1/info"), plan.key)
    preset = plan.latency or info.get("default_latency")
    presets = info.get("latency") or {}
    if preset not in presets:
        raise LiveheadError(f"{url} has no latency preset {preset!r}; it has {', '.join(presets) or 'none'}.")
    audio_s = plan.seconds + WARM_UP_S + SPARE_AUDIO_S
    specs = [
        ClientSpec(
            url,
            preset,
            plan.audio,
            audio_s,
            plan.loss,
            plan.jitter_ms,
            plan.seed + i,
            plan.rate_kbit,
            plan.key,
            plan.relay,
        )
        for i in range(plan.sessions)
    ]
    stimulus = specs[0].stimulus  # a file that cannot be read is found out here
    load = os.getloadavg()[0]
    with client_processes(specs) as clients:
        recordings, before, after = _call(clients, plan, pid)
    calls: list[CallResult] = []
    errors: list[str] = []
    for spec, recording in zip(specs, recordings, strict=True):
        try:
            if recording.error is not None:
                raise LiveheadError(recording.error)
            played = stimulus if spec is specs[0] or spec.audio else spec.stimulus
            calls.append(evaluate(recording, played, same_clock=pid is not None))
        except LiveheadError as error:
            errors.append(str(error))
    if not calls:
        raise LiveheadError(f"No call of {plan.sessions} could be measured: {errors[0]}")
    figures = summary(calls, len(errors), plan.seconds)
    figures["server"] = {
        "cpu_percent": _percent(before.server, after.server) if before.server and after.server else None,
        "rss_mb": round(after.server.rss_mb, 1) if after.server else None,
    }
    hop, lookahead = presets[preset]["hop"], presets[preset]["lookahead"]
    figures["floor_ms"] = _floor(figures["breakdown_ms"], hop, lookahead)
    busy = 100 * (after.ours.machine_s - before.ours.machine_s) / (after.ours.at - before.ours.at)
    figures["conditions"] = {
        "url": plan.url or "own server on this machine",
        "engine": info["engine"]["name"],
        "latency": preset,
        "hop": hop,
        "lookahead": lookahead,
        "size": info["engine"].get("size"),
        "codec": calls[0].codec,
        "audio": plan.audio.name if plan.audio else "bursts",
        "loss": plan.loss,
        "jitter_ms": plan.jitter_ms,
        "rate_kbit": plan.rate_kbit,
        "relay": plan.relay,
        "warm_up_s": WARM_UP_S,
        "cpus": os.cpu_count(),
        "load_before": round(load, 2),
        "others_cpu_percent": round(max(0.0, busy - _percent(before.ours, after.ours)), 1),
        "loopback": urlsplit(url).hostname in LOOPBACK,
    }
    figures["errors"] = errors
    return LatencyResult(figures, [each for call in calls for each in call.latency])


def _floor(breakdown: Mapping[str, Any], hop: int, lookahead: int) -> float | None:
    """The least that any server with this generator could reach: audio cannot be shown before it has arrived."""
    mean = breakdown["mean"]
    if not mean:
        return None
    return round(float(CODEC_MS + (hop + lookahead) * BLOCK_MS + mean["generate"] + mean["encode"] + mean["decode"]), 1)


@dataclass(frozen=True, slots=True)
class _Load:
    """``ours`` is this command with everything it started."""

    ours: Usage
    server: Usage | None

    @classmethod
    def now(cls, pid: int | None) -> _Load:
        return cls(usage(os.getpid()), None if pid is None else usage(pid))


def _percent(before: Usage, after: Usage) -> float:
    return round(100 * (after.cpu_s - before.cpu_s) / (after.at - before.at), 1)


def _call(clients: Sequence[ClientProcess], plan: LatencyPlan, pid: int | None) -> tuple[list[Recording], _Load, _Load]:
    """Start all calls, measure them over the same seconds, collect what they recorded."""
    bar = tqdm(total=round(plan.seconds), unit="s", disable=None, leave=False, desc="connecting")
    with bar:
        done: dict[int, Recording] = {}
        await_clients(clients, done, "ready", IMPORT_S)
        for number, client in enumerate(clients):
            if number not in done:
                client.pipe.send("go")
                time.sleep(STAGGER_S)
        await_clients(clients, done, "live", CONNECT_S + 10)
        begins = time.monotonic() + WARM_UP_S
        ends = begins + plan.seconds
        for number, client in enumerate(clients):
            if number not in done:
                client.pipe.send(MeasuredSpan(begins, ends))
        bar.set_description("warming up")
        time.sleep(WARM_UP_S)
        before = _Load.now(pid)
        bar.set_description("measuring")
        while (left := ends - time.monotonic()) > 0 and len(done) < len(clients):
            time.sleep(min(1.0, left))
            bar.update(min(round(plan.seconds - bar.n), 1))
        after = _Load.now(pid)
        await_clients(clients, done, None, 30.0)
    return [done[number] for number in range(len(clients))], before, after
