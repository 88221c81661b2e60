"""``livehead bench soak``: for hours a server is used as people use one, things go wrong meanwhile, and at the end
there is a verdict."""

from __future__ import annotations

import contextlib
import os
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin

import psutil
from tqdm import tqdm

from livehead.bench.http import fetch
from livehead.bench.server_process import ONE_MANY, OwnServer, own_server
from livehead.bench.soak import server_log
from livehead.bench.soak.caller_processes import CallerProcesses
from livehead.bench.soak.callers.reports import CallerOrder
from livehead.bench.soak.faults import Fault, FaultThrower
from livehead.bench.soak.holdings import Holdings, growths, holdings
from livehead.bench.soak.leaks import DESCRIPTORS, MEMORY, THREADS, Growth, Sample, judge
from livehead.bench.soak.metrics import DELAY, HELD, Metrics, quantile_ms, read_metrics
from livehead.bench.soak.verdict import LogError, Seen
from livehead.bench.soak.workers import WorkerLives
from livehead.bench.usage import family

SPARE_SESSIONS = 2
"""Places beside those of the probe, the callers, and as many callers who dropped off just before."""

MOST_VISIT_S = 45.0
LOOK_S = 2.0
"""Between two looks at what the server holds; half of it where the soak is short."""

SHORT_S = 300.0
METRICS_S = 4.0
KEPT_MB = 32.0
"""What was freed and the C library keeps for later: it grows for some minutes, to a level that depends on how many
calls overlap."""

CALL_DESCRIPTORS = 6
WORKER_THREADS = 1.5
"""For each core: a worker that has worked has a pool that one in reserve has not, and a film's encoder has as many."""

STARTING_S = 120.0
EMPTY_S = 20.0
"""How long the last sessions may take to end: those that were dropped are noticed after 10 s."""

ENVIRONMENT = {
    **ONE_MANY,
    "LIVEHEAD_STANDBY": "",
    "LIVEHEAD_UPLOADS_PER_MINUTE": "1000",
    "LIVEHEAD_LOG_FORMAT": "text",
    "LIVEHEAD_MAX_FILMS": "10000",
}
"""All callers have one address; and a worker in reserve is what the server has without being told."""


@dataclass(frozen=True, slots=True)
class SoakPlan:
    """``url`` is a server to be used, None to start one with the settings ``server``, by name. ``patience``: how many
    times as long as on a fairly quiet machine everything may take."""

    seconds: float
    callers: int
    seed: int
    faults: bool
    patience: float
    server: Mapping[str, object]
    url: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Soaked:
    """``info`` is the server's /v1/info; ``cut_short`` where somebody ended it before its time."""

    seen: Seen
    info: Mapping[str, Any]
    cut_short: bool


def run(plan: SoakPlan, say: Callable[[str], None]) -> Soaked:
    """Blocks for the whole soak; Ctrl-C ends it early. ``say`` gets a line for each fault. Raises LiveheadError if the
    server does not start, or cannot be reached."""
    if plan.url is not None:
        return _Soak(plan, plan.url, None, say).run()
    sessions = 1 + 2 * plan.callers + SPARE_SESSIONS
    begun = time.monotonic()
    with own_server({**plan.server, "max_sessions": sessions}, ENVIRONMENT) as server:
        soak = _Soak(plan, server.url, server, say, restart_s=2 * (time.monotonic() - begun) + 5)
        done = soak.run()
        started = family(server.pid)
    left = [process for process in started if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    if left:
        done.seen.left = [*done.seen.left, f"{len(left)} processes of the server were left behind"]
    return done


class _Soak:
    def __init__(
        self, plan: SoakPlan, url: str, own: OwnServer | None, say: Callable[[str], None], restart_s: float = 0.0
    ) -> None:
        self._plan = plan
        self._url = url
        self._own = own
        self._say = say
        self._restart_s = restart_s * plan.patience
        self._held: list[Holdings] = []  # by the server's process alone
        self._all: list[Holdings] = []  # by it and all that it started
        self._lives = WorkerLives()
        self._read: list[tuple[float, Metrics]] = []
        self._next_look = 0.0
        self._next_reading = 0.0

    def run(self) -> Soaked:
        plan = self._plan
        info = self._info()
        orders = [
            CallerOrder(self._url, plan.key, plan.seed, number, self._most_s, plan.patience, probe=number == 0)
            for number in range(plan.callers + 1)
        ]
        began, wall = time.monotonic(), time.time() - time.monotonic()
        thrown: Sequence[Fault] = ()
        cut_short = False
        with CallerProcesses(orders) as callers, contextlib.ExitStack() as stack:
            if self._own is not None and plan.faults:
                thrower = self._thrower(callers)
                thrown = thrower.thrown
                stack.callback(thrower.stop)
                thrower.start()
            try:
                self._pass_time(callers, began + plan.seconds)
            except KeyboardInterrupt:
                cut_short = True
            ended = time.monotonic()
            stack.close()
            late = callers.finish(plan.patience)
            left = [f"{late} callers did not end"] if late else []
            left += self._sessions_left()
            metrics = read_metrics(self._url, plan.key)
            seen = Seen(ended - began, callers.visits, callers.probes, list(thrown), callers_lost=callers.lost)
        seen.left = left
        seen.growths, seen.not_judged = self._growths()
        if self._own is not None:
            lines = self._own.log.read_text(errors="replace").splitlines()
            seen.log = [LogError(error.at - wall, error.text) for error in server_log.errors(lines)]
        if metrics is not None and self._read:
            first = self._read[0][1]
            seen.lost_workers = metrics.lost_workers - first.lost_workers
            seen.wrong_answers = metrics.wrong - first.wrong
            seen.held_ms = quantile_ms(first, metrics, HELD, 0.999)
            seen.late_ms = quantile_ms(first, metrics, DELAY, 0.999)
        return Soaked(seen, info, cut_short)

    @property
    def _most_s(self) -> float:
        """Of a visit: each caller makes a dozen of them at least."""
        return min(MOST_VISIT_S, max(8.0, self._plan.seconds / 12))

    def _info(self) -> Mapping[str, Any]:
        """When the engine, and the one in reserve where there is to be one, are there."""
        until = time.monotonic() + STARTING_S * self._plan.patience
        while True:
            info: Mapping[str, Any] = fetch(urljoin(self._url, "/v1/info"), self._plan.key)
            if info["engine"]["standby"] != "loading" or time.monotonic() > until:
                return info
            time.sleep(0.5)

    def _thrower(self, callers: CallerProcesses) -> FaultThrower:
        assert self._own is not None
        return FaultThrower(
            self._url,
            self._own.pid,
            seed=self._plan.seed,
            seconds=self._plan.seconds,
            restart_s=self._restart_s,
            patience=self._plan.patience,
            kill_client=callers.kill,
            say=self._say,
        )

    def _pass_time(self, callers: CallerProcesses, until: float) -> None:
        bar = tqdm(total=round(self._plan.seconds), unit="s", disable=None, leave=False, desc="soak")
        with bar:
            begun = time.monotonic()
            while (now := time.monotonic()) < until:
                self._look(now)
                callers.listen(min(0.25, until - now))
                bar.update(min(round(now - begun), bar.total) - bar.n)

    def _look(self, now: float) -> None:
        if self._own is not None and now >= self._next_look:
            self._next_look = now + (LOOK_S if self._plan.seconds > SHORT_S else LOOK_S / 2)
            device = self._own is not None and self._plan.seconds > SHORT_S
            self._all.append(holdings(self._own.pid, device=device))
            self._held.append(holdings(self._own.pid, alone=True))
            self._lives.look(self._own.pid, now)
        if now >= self._next_reading:
            self._next_reading = now + METRICS_S
            if (found := read_metrics(self._url, self._plan.key)) is not None:
                self._read.append((now, found))

    def _growths(self) -> tuple[list[Growth], list[str]]:
        """Of the server's process, of it with its workers, and the memory of these by the life of each. While one is
        lost and another one loads there is less of everything, so these times are left out."""
        callers = self._plan.callers
        try:
            if self._own is None:
                kinds = ((MEMORY, "memory_mb"), (DESCRIPTORS, "descriptors")) if self._read else ()
                told = [
                    judge(resource, [Sample(at, getattr(each, name)) for at, each in self._read])
                    for resource, name in kinds
                ]
                return [_named(growth, "the server", KEPT_MB, callers=callers) for growth in told], []
            whole = [each for each in self._all if self._was_whole(each.at)]
            threads = WORKER_THREADS * (os.cpu_count() or 1)
            found = [_named(growth, "the server", KEPT_MB, callers=callers) for growth in growths(self._held)]
            lives = [_named(growth, "the worker that grew most", KEPT_MB) for growth in self._lives.growths()]
            found += sorted(lives, key=lambda growth: growth.grown - growth.limit)[-1:]
            for growth in growths(whole):
                if growth.resource is not MEMORY:
                    found.append(_named(growth, "server and workers", KEPT_MB, threads, callers))
            return found, []
        except ValueError as error:
            return [], [f"too short to say whether anything leaks: {error}"]

    def _was_whole(self, at: float) -> bool:
        """Whether the engine, and the one in reserve, were there before and after."""
        place = bisect_right(self._read, at, key=lambda reading: reading[0])
        return 0 < place < len(self._read) and all(found.whole for _, found in self._read[place - 1 : place + 1])

    def _sessions_left(self) -> list[str]:
        """Wait for the last sessions to end."""
        if self._own is None:
            return []
        until = time.monotonic() + EMPTY_S * self._plan.patience
        while True:
            active = fetch(urljoin(self._url, "/v1/info"), self._plan.key)["sessions"]["active"]
            if not active:
                return []
            if time.monotonic() > until:
                return [f"{active} sessions are left, without a caller"]
            time.sleep(0.5)


def _named(growth: Growth, whose: str, more_mb: float, more_threads: float = 0.0, callers: int = 0) -> Growth:
    """The same growth with a name that tells whose it is; of memory and threads so many more are allowed, and the
    descriptors that these callers have or have not at the time."""
    resource = replace(growth.resource, name=f"{growth.resource.name} of {whose}")
    more = more_mb if resource.unit == "MB" else 0.0
    if growth.resource is DESCRIPTORS:
        more = CALL_DESCRIPTORS * callers
    elif growth.resource is THREADS:
        more = more_threads
    return replace(growth, resource=resource, limit=growth.limit + more)


def conditions(plan: SoakPlan, info: Mapping[str, Any]) -> dict[str, Any]:
    """Of what was measured, for the figures."""
    return {
        "url": plan.url or "own server on this machine",
        "engine": info["engine"]["name"],
        "variant": info["engine"].get("variant"),
        "device": info["engine"].get("device"),
        "size": info["engine"].get("size"),
        "cpus": os.cpu_count(),
        "patience": plan.patience,
    }
