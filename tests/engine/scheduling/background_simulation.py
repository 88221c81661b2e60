"""A worker in virtual time with live sessions and work behind them: the scheduler for those, the background scheduler
for these, as the worker's loop asks them. No sleeps."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from simulation import Job, Session

from livehead.core.block import BLOCK_S
from livehead.engine.scheduling.background import BackgroundScheduler
from livehead.engine.scheduling.forecast import Forecast
from livehead.engine.scheduling.scheduler import Scheduler

LOOK_S = 0.01
OPEN_S = 0.4
"""A live stream is opened so long before its first window."""


@dataclass(frozen=True)
class Render:
    """A film of ``frames``, ``hop`` a window, from ``start`` on; two windows are submitted at once."""

    stream: int
    start: float
    frames: int
    hop: int


@dataclass
class Seen:
    """``late`` are the frames of live streams that were not in time, with the window's arrival; ``made`` the frames of
    each render and ``done`` when its last was; ``delays`` of live windows from arrival to frames; ``shared`` counts
    steps of several background windows."""

    asked: int = 0
    late: list[tuple[int, int]] = field(default_factory=list)
    made: dict[int, int] = field(default_factory=dict)
    done: dict[int, float] = field(default_factory=dict)
    delays: list[float] = field(default_factory=list)
    shared: int = 0


def simulate_both(
    sessions: list[Session],
    renders: list[Render],
    cost: Callable[[int, int], float],
    *,
    max_batch: int = 1,
    mixed_hops: bool = True,
    until: float = math.inf,
) -> Seen:
    """``cost(batch, frames)`` is what a step takes, in seconds. Ends when all is done, or at ``until``."""
    live: Scheduler[Job] = Scheduler(max_batch=max_batch, backlog=32, mixed_hops=mixed_hops)
    forecast = Forecast(live.times, max_batch=max_batch, mixed_hops=mixed_hops)
    behind: BackgroundScheduler[Job] = BackgroundScheduler(
        live.times,
        forecast,
        max_batch=max_batch,
        backlog=32,
        mixed_hops=mixed_hops,
        measured={hop: cost(1, hop) for hop in {each.hop for each in [*sessions, *renders]}},
    )
    arrivals = heapq.merge(*(session.arrivals() for session in sessions), key=lambda arrival: arrival[0])
    upcoming = next(arrivals, None)
    ends = sorted((session.end + session.slack, session.stream) for session in sessions)
    opening = sorted(((session.start - OPEN_S, session.stream) for session in sessions), reverse=True)
    starting = sorted(renders, key=lambda render: -render.start)
    by_stream = {render.stream: render for render in renders}
    submitted: dict[int, int] = {}
    came: dict[tuple[int, int], float] = {}
    seen, now = Seen(), 0.0

    def submit(render: Render) -> None:
        k = submitted.get(render.stream, 0)
        if k < render.frames:
            submitted[render.stream] = k + render.hop
            assert behind.add(Job(render.stream, k, render.hop, math.inf)) is None

    while now < until and (upcoming is not None or len(live) or len(behind) or starting):
        while opening and opening[-1][0] <= now:
            at, stream = opening.pop()
            forecast.opened(stream, at)
        while upcoming is not None and upcoming[0] <= now:
            at, job = upcoming
            seen.asked += job.hop
            came[job.stream, job.k] = at
            forecast.submitted(job, at)
            assert live.add(job) is None
            upcoming = next(arrivals, None)
        while ends and ends[0][0] < now:
            _, stream = ends.pop(0)
            forecast.forget(stream)
            seen.late += [(job.stream, job.k) for job in live.forget(stream)]
        while starting and starting[-1].start <= now:
            render = starting.pop()
            submit(render)
            submit(render)
        plan = live.next(now)
        seen.late += [(job.stream, job.k) for job in plan.late for _ in range(job.hop)]
        batch, scheduler = plan.batch, live
        if not batch:
            batch, scheduler = behind.next(now), behind  # type: ignore[assignment]
        if not batch:
            soon = [now + LOOK_S] if len(behind) else []
            soon += [upcoming[0]] if upcoming else []
            soon += [starting[-1].start] if starting else []
            now = max(now + 1e-6, min(soon, default=now))
            continue
        seconds = cost(len(batch), sum(job.hop for job in batch))
        now += seconds
        scheduler.observe(batch, seconds, now)
        if scheduler is behind:
            assert all(job.stream in by_stream for job in batch), "live work in a step behind it"
            seen.shared += len(batch) > 1
            for job in batch:
                seen.made[job.stream] = seen.made.get(job.stream, 0) + job.hop
                seen.done[job.stream] = now
                submit(by_stream[job.stream])
            continue
        assert not any(job.stream in by_stream for job in batch), "background work in a step of live work"
        for job in batch:
            seen.delays.append(now - came[job.stream, job.k])
            in_time = sum(job.deadline + index * BLOCK_S >= now for index in range(job.hop))
            seen.late += [(job.stream, job.k)] * (job.hop - in_time)
    return seen
