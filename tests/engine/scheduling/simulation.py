"""A worker in virtual time: windows arrive, the scheduler plans, steps take what a cost model says. No sleeps."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from livehead.core.block import BLOCK_S
from livehead.engine.scheduling.merging import Merging
from livehead.engine.scheduling.scheduler import Scheduler
from livehead.engine.scheduling.step_times import StepTimes


@dataclass(frozen=True)
class Job:
    stream: int
    k: int
    hop: int
    deadline: float
    lookahead: int = 0
    submitted: float = 0.0
    silent: bool = False


@dataclass(frozen=True)
class Session:
    """Speaks from ``start`` to ``end``: a window every hop, each due ``slack`` seconds after it came."""

    stream: int
    start: float
    end: float
    hop: int
    slack: float

    def arrivals(self) -> Iterator[tuple[float, Job]]:
        k, at = 0, self.start
        while at < self.end:
            yield at, Job(self.stream, k, self.hop, at + self.slack, submitted=at)
            k, at = k + self.hop, at + self.hop * BLOCK_S


@dataclass
class Outcome:
    """Frames of each stream: sent in time, and all that were asked for."""

    in_time: dict[int, int] = field(default_factory=dict)
    asked: dict[int, int] = field(default_factory=dict)
    missed: list[tuple[float, Job]] = field(default_factory=list)
    longest_gap: dict[int, float] = field(default_factory=dict)
    first: dict[int, float] = field(default_factory=dict)  # seconds to the first frames that were in time
    batches: list[int] = field(default_factory=list)
    merged: int = 0  # windows that shared a run with others of their stream
    busy: float = 0.0
    answers: Counter[tuple[int, int]] = field(default_factory=Counter)  # by stream and block

    def share(self, stream: int) -> float:
        return self.in_time.get(stream, 0) / self.asked[stream]

    @property
    def total(self) -> float:
        return sum(self.in_time.values()) / sum(self.asked.values())


def simulate(
    sessions: list[Session],
    cost: Callable[[int, int], float],
    *,
    max_batch: int,
    backlog: int = 32,
    mixed_hops: bool = True,
    slowness: Callable[[float], float] = lambda now: 1.0,
    hops: Collection[int] = (),
) -> Outcome:
    """``cost(batch, frames)`` is what a step takes, in seconds; ``slowness`` is how many times as long at a time.
    ``hops`` are those that windows may be merged to."""
    times = StepTimes()
    merging = (
        Merging(times, hops=hops, window=max(hops), measured={hop: cost(1, hop) for hop in hops}) if hops else None
    )
    scheduler: Scheduler[Job] = Scheduler(
        max_batch=max_batch, backlog=backlog, mixed_hops=mixed_hops, times=times, merging=merging
    )
    arrivals = heapq.merge(*(session.arrivals() for session in sessions), key=lambda arrival: arrival[0])
    outcome = Outcome()
    last_served = {session.stream: session.start for session in sessions}
    starts = dict(last_served)
    last_k: dict[int, int] = {}
    ends = sorted(((session.end + session.slack, session.stream) for session in sessions), reverse=True)
    upcoming = next(arrivals, None)
    now = 0.0

    def lose(job: Job) -> None:
        outcome.missed.append((now, job))
        outcome.answers[job.stream, job.k] += 1

    while upcoming is not None or len(scheduler):
        while upcoming is not None and upcoming[0] <= now:
            job = upcoming[1]
            outcome.asked[job.stream] = outcome.asked.get(job.stream, 0) + job.hop
            if (crowded := scheduler.add(job)) is not None:
                lose(crowded)
            upcoming = next(arrivals, None)
        while ends and ends[-1][0] + 1.0 < now:
            for job in scheduler.forget(ends.pop()[1]):
                lose(job)
        plan = scheduler.next(now)
        for job in plan.late:
            lose(job)
        if not plan.batch:
            if upcoming is not None:
                now = max(now, upcoming[0])
            continue
        streams = [job.stream for job in plan.batch]
        assert len(set(streams)) == len(streams) <= max_batch
        assert mixed_hops or len({job.hop for job in plan.batch}) == 1
        jobs = [job for run in plan.batch for job in run.windows]
        for run in plan.batch:
            outcome.merged += len(run.windows) if len(run.windows) > 1 else 0
            assert len(run.windows) == 1 or run.hop in hops, "a hop that no preset has"
            assert all(one.k + one.hop == other.k for one, other in pairwise(run.windows)), "a gap in a run"
        for job in jobs:
            assert job.deadline + (job.hop - 1) * BLOCK_S >= now, "work that was too late already"
            assert job.k > last_k.get(job.stream, -1), "out of the stream's order"
            last_k[job.stream] = job.k
        seconds = cost(len(plan.batch), sum(job.hop for job in plan.batch)) * slowness(now)
        now += seconds
        outcome.busy += seconds
        outcome.batches.append(len(plan.batch))
        scheduler.observe(plan.batch, seconds, now)
        for job in jobs:
            in_time = sum(job.deadline + index * BLOCK_S >= now for index in range(job.hop))
            outcome.in_time[job.stream] = outcome.in_time.get(job.stream, 0) + in_time
            if in_time < job.hop:
                lose(job)
            else:
                outcome.answers[job.stream, job.k] += 1
            if in_time:
                gap = now - last_served[job.stream]
                outcome.longest_gap[job.stream] = max(outcome.longest_gap.get(job.stream, 0.0), gap)
                last_served[job.stream] = now
                outcome.first.setdefault(job.stream, now - starts[job.stream])
    for session in sessions:  # a stream that was never served again starved to its end
        gap = session.end - last_served[session.stream]
        outcome.longest_gap[session.stream] = max(outcome.longest_gap.get(session.stream, 0.0), gap)
    return outcome
