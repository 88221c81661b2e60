"""``livehead bench latency``: microphone to frame over real WebRTC calls, with one clock."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from tqdm import tqdm

from livehead.bench.http import fetch
from livehead.bench.latency.client import CONNECT_S, ClientSpec, MeasuredSpan
from livehead.bench.latency.evaluation import evaluate, summary
from livehead.bench.latency.recording import Recording
from livehead.bench.server_process import own_server
from livehead.bench.usage import Usage, usage
from livehead.core.block import BLOCK_MS
from livehead.errors import LiveheadError

WARM_UP_S = 4.0
"""Left out at the beginning: the delay settles, the encoder's first keyframe is large."""

IMPORT_S = 60.0
STAGGER_S = 0.2
LONG_ENOUGH_S = 30.0
CODEC_MS = 6.5
"""What an Opus encoder looks ahead (RFC 6716 section 2)."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Plan:
    """``server`` are settings by name for a server of our own, which there is where ``url`` is None."""

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


@dataclass(frozen=True, slots=True)
class Result:
    figures: dict[str, Any]
    latency_ms: Sequence[float]


def run(plan: Plan) -> Result:
    """Blocks for the whole measurement. Raises LiveheadError where the server cannot be reached or no call came to
    anything."""
    if plan.url is not None:
        return _measure(plan, plan.url, None)
    with own_server({**plan.server, "max_sessions": max(plan.sessions, 1)}) as server:
        return _measure(plan, server.url, server.pid)


def _measure(plan: Plan, url: str, pid: int | None) -> Result:
    info = fetch(urljoin(url, "/v1/info"))
    preset = plan.latency or info.get("default_latency")
    presets = info.get("latency") or {}
    if preset not in presets:
        raise LiveheadError(f"{url} has no latency preset {preset!r}; there are {', '.join(presets) or 'none'}.")
    long_enough = plan.seconds + WARM_UP_S + LONG_ENOUGH_S
    orders = [
        ClientSpec(url, preset, plan.audio, long_enough, plan.loss, plan.jitter_ms, plan.seed + i, plan.rate_kbit)
        for i in range(plan.sessions)
    ]
    source = orders[0].source  # a file that cannot be read is found out here
    load = os.getloadavg()[0]
    with _clients(orders) as clients:
        recordings, before, after = _call(clients, plan, pid)
    calls, errors = [], []
    same_clock = pid is not None
    for order, recording in zip(orders, recordings, strict=True):
        try:
            if recording.error is not None:
                raise LiveheadError(recording.error)
            heard = source if order is orders[0] or order.audio else order.source
            calls.append(evaluate(recording, heard, same_clock=same_clock))
        except LiveheadError as error:
            errors.append(str(error))
    if not calls:
        raise LiveheadError(f"No call of {plan.sessions} could be measured: {errors[0]}")
    figures = summary(calls, len(errors), plan.seconds)
    figures["server"] = {
        "cpu_percent": _percent(before.server, after.server) if before.server and after.server else None,
        "rss_mb": round(after.server.rss_mb, 1) if after.server else None,
    }
    busy = 100 * (after.ours.machine_s - before.ours.machine_s) / (after.ours.at - before.ours.at)
    hop, lookahead = presets[preset]["hop"], presets[preset]["lookahead"]
    figures["floor_ms"] = _floor(figures["breakdown_ms"], hop, lookahead)
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
        "warm_up_s": WARM_UP_S,
        "cpus": os.cpu_count(),
        "load_before": round(load, 2),
        "others_cpu_percent": round(max(0.0, busy - _percent(before.ours, after.ours)), 1),
        "loopback": urlsplit(url).hostname in LOOPBACK,
    }
    figures["errors"] = errors
    return Result(figures, [each for call in calls for each in call.latency])


def _floor(breakdown: Mapping[str, Any], hop: int, lookahead: int) -> float | None:
    """What no server with this generator can go below: the audio has to be there before it is shown."""
    mean = breakdown["mean"]
    if not mean:
        return None
    return round(float(CODEC_MS + (hop + lookahead) * BLOCK_MS + mean["generate"] + mean["encode"] + mean["decode"]), 1)


@dataclass(frozen=True, slots=True)
class _Load:
    """``ours`` is this command with all that it started."""

    ours: Usage
    server: Usage | None

    @classmethod
    def now(cls, pid: int | None) -> _Load:
        return cls(usage(os.getpid()), None if pid is None else usage(pid))


def _percent(before: Usage, after: Usage) -> float:
    return round(100 * (after.cpu_s - before.cpu_s) / (after.at - before.at), 1)


@dataclass(slots=True)
class _Client:
    process: subprocess.Popen[bytes]
    pipe: Connection

    def receive(self) -> Any:
        """What it says; a recording of the failure where it is gone."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            return Recording(error="the measuring client ended by itself")


@contextlib.contextmanager
def _clients(orders: Sequence[ClientSpec]) -> Iterator[list[_Client]]:
    """One process for each order; none is left behind."""
    path = os.pathsep.join(each or os.getcwd() for each in sys.path)
    clients: list[_Client] = []
    try:
        for order in orders:
            ours, theirs = Pipe()
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "livehead.bench.latency.client", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                process_group=0,
            )
            theirs.close()
            clients.append(_Client(process, ours))
            ours.send(order)
        yield clients
    finally:
        for client in clients:
            client.pipe.close()
            if client.process.poll() is None:
                client.process.terminate()
        for client in clients:
            try:
                client.process.wait(5)
            except subprocess.TimeoutExpired:
                client.process.kill()
                client.process.wait()


def _call(clients: Sequence[_Client], plan: Plan, pid: int | None) -> tuple[list[Recording], _Load, _Load]:
    """Start all calls, measure them over the same seconds, collect what they recorded."""
    bar = tqdm(total=round(plan.seconds), unit="s", disable=None, leave=False, desc="connecting")
    with bar:
        done: dict[int, Recording] = {}
        _await(clients, done, "ready", IMPORT_S)
        for number, client in enumerate(clients):
            if number not in done:
                client.pipe.send("go")
                time.sleep(STAGGER_S)
        _await(clients, done, "live", CONNECT_S + 10)
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
        _await(clients, done, None, 30.0)
    return [done[number] for number in range(len(clients))], before, after


def _await(clients: Sequence[_Client], done: dict[int, Recording], word: str | None, seconds: float) -> None:
    """Until every client has said ``word``, or has given its recording, for whatever reason."""
    until = time.monotonic() + seconds
    pending = {client.pipe: number for number, client in enumerate(clients) if number not in done}
    while pending:
        ready = wait(list(pending), max(0.0, until - time.monotonic()))
        if not ready:
            for number in pending.values():
                done[number] = Recording(error=f"the measuring client did not answer within {seconds:.0f} s")
            return
        for pipe in ready:
            assert isinstance(pipe, Connection)
            number = pending.pop(pipe)
            said = clients[number].receive()
            if isinstance(said, Recording):
                done[number] = said
            elif said != word:
                pending[pipe] = number
