"""Which streams step next: earliest deadline first, in batches. Pure: the clock is passed in.

- A stream's windows are stepped in the order they came, at most one of them in a batch. Where it lags, some that
  follow one another may be stepped as one: see :mod:`livehead.engine.scheduling.merging`.
- A window whose last frame will probably come too late is dropped instead of being computed.
- While all that waits can be in time, the order is earliest deadline first. Of those who are next as many share a
  step as pay: as many as together take clearly less time than in the best smaller steps, where nobody in the batch
  may miss a deadline only because others joined. The device never waits for a batch to fill: where single steps
  do not keep up, enough wait at the end of one to fill the next.
- Under overload that alone would finish everything a little too late. So of the batches of every size that one is
  stepped that is worth most a second: what it shows in time, of streams that have lost most lately before others. Among
  those that can be in time together the deadlines decide. A stream that lags does not hold out a window that is late in
  part while a later one waits that can be shown: it steps that, and the windows before it are dropped. So losses
  spread evenly, and no stream starves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic

from livehead.core.block import BLOCK_S
from livehead.engine.scheduling.batching import Batches
from livehead.engine.scheduling.forecast import Forecast
from livehead.engine.scheduling.merging import Merging
from livehead.engine.scheduling.run import Run
from livehead.engine.scheduling.step_times import StepTimes
from livehead.engine.scheduling.stream_queue import Job, JobT, StreamQueue, frames_in_time


@dataclass(frozen=True, slots=True)
class Plan(Generic[JobT]):
    """``batch`` is to be stepped now; ``late`` is dropped: none of its frames could be in time, or a later window of
    its stream is stepped because it shows more."""

    batch: list[Run[JobT]]
    late: list[JobT]


class Scheduler(Generic[JobT]):
    """Holds the windows that wait.

    ``max_batch`` streams share a step at most. ``backlog`` windows of one stream wait at most; past that
    its oldest is dropped. ``mixed_hops`` says that windows of different hop may share a step. ``times`` is what the
    steps took lately. Without ``merging`` every window is stepped as such. ``hops`` are those of steps.
    With a ``forecast`` windows of silence, which is made ahead, share a step where that leaves others in time.
    """

    def __init__(
        self,
        *,
        max_batch: int,
        backlog: int,
        mixed_hops: bool = True,
        times: StepTimes | None = None,
        merging: Merging | None = None,
        hops: Collection[int] = (),
        forecast: Forecast | None = None,
    ) -> None:
        self._max_batch = max_batch
        self._backlog = backlog
        self._mixed_hops = mixed_hops
        self._queues: dict[int, StreamQueue[JobT]] = {}
        self.times = times or StepTimes()
        self._merging = merging
        self._forecast = forecast
        self._shortest = min(hops, default=0)
        self._batches: Batches[Run[JobT]] = Batches(self.times, max_batch)

    def __len__(self) -> int:
        """Windows waiting."""
        return sum(len(queue.jobs) for queue in self._queues.values())

    def add(self, job: JobT) -> JobT | None:
        """Queue a window; returns the stream's oldest, dropped, where its queue was full."""
        queue = self._queues.setdefault(job.stream, StreamQueue())
        queue.jobs.append(job)
        if len(queue.jobs) <= self._backlog:
            return None
        dropped = queue.jobs.popleft()
        queue.lose(dropped)
        return dropped

    def clear(self, stream: int) -> list[JobT]:
        """Take out the windows that wait for a stream."""
        queue = self._queues.get(stream)
        if queue is None:
            return []
        jobs = list(queue.jobs)
        queue.jobs.clear()
        return jobs

    def hold(self, stream: int) -> list[JobT]:
        """Take out the windows that wait for a stream; those that come from now on wait until it is released."""
        self._queues.setdefault(stream, StreamQueue()).held = True
        return self.clear(stream)

    def release(self, stream: int) -> None:
        """Step the windows of a stream again. Does nothing for one that is not held."""
        if (queue := self._queues.get(stream)) is not None:
            queue.held = False

    def forget(self, stream: int) -> list[JobT]:
        """Take out the windows of a stream that ends, and all that is known of it."""
        queue = self._queues.pop(stream, None)
        return [] if queue is None else list(queue.jobs)

    def isolate(self, streams: Iterable[int]) -> None:
        """A step with these streams failed: until each has done well by itself, it shares no batch, so that the
        one at fault takes nobody with it."""
        for stream in streams:
            self._queues.setdefault(stream, StreamQueue()).alone = True

    def next(self, now: float) -> Plan[JobT]:
        """Take out what to step now. An empty batch means that nothing waits."""
        self.times.forget(now)
        late = [job for queue in self._queues.values() for job in self._take_late(queue, now)]
        queues = [queue for queue in self._queues.values() if queue.jobs and not queue.held]
        heads = sorted((self._run(queue, now) for queue in queues), key=_deadline)
        if self._batches.feasible(heads, self._batches.best(heads), now):
            batch = self._step(heads, now)
        else:
            fronts = [self._front(queue, now) for queue in queues]
            batch = self._most([run for run in fronts if not self._can_wait(run, now)] or fronts, now)
        done = now + self._batches.seconds(batch) if batch else now
        late += [passed for run in batch for passed in self._queues[run.stream].serve(run.windows, done)]
        return Plan(batch, late)

    def observe(self, batch: Sequence[Job], seconds: float, now: float) -> None:
        """Learn from a step that did well."""
        self.times.observe(len(batch), sum(job.hop for job in batch), seconds, now)
        if len(batch) == 1 and (queue := self._queues.get(batch[0].stream)) is not None:
            queue.alone = False

    def _step(self, heads: list[Run[JobT]], now: float) -> list[Run[JobT]]:
        """What is stepped where all of these can be in time."""
        sharing = self._sharing(heads)
        merged = heads and len(heads[0].windows) > 1
        if merged and self._batches.feasible(heads, 1, now):
            return heads[:1]  # a batch saves little more, and while it takes its time the next windows pile up
        batch = sharing[: self._batches.best(sharing, now)]
        return self._fitting(batch, now) if len(batch) > 1 and all(run.silent for run in batch) else batch

    def _fitting(self, batch: list[Run[JobT]], now: float) -> list[Run[JobT]]:
        """Of windows of silence, as many as leave those in time that are about to come: they are made ahead, and the
        others may not have long to wait. One is stepped in any case, as the device never waits."""
        forecast = self._forecast
        if forecast is None:
            return batch
        fitting = (
            size for size in range(len(batch), 1, -1) if forecast.leaves(self._batches.seconds(batch[:size]), now)
        )
        return batch[: next(fitting, 1)]

    def _take_late(self, queue: StreamQueue[JobT], now: float) -> list[JobT]:
        late = []
        while queue.jobs:
            job = queue.jobs[0]
            # By the median: a window is given up if it will rather not be in time. By a high percentile a few slow
            # steps would condemn every window of a stream with a short delay, most of which would have made it.
            done = now + self.times.typical(1, job.hop)
            if job.deadline + (job.hop - 1) * BLOCK_S >= done:
                break
            late.append(queue.jobs.popleft())
            queue.lose(job)
        return late

    def _run(self, queue: StreamQueue[JobT], now: float, first: int = 0) -> Run[JobT]:
        """The windows of a stream that are stepped as one, from its ``first`` waiting one on."""
        if self._merging is None or queue.alone:
            return Run((queue.jobs[first],))
        waiting = list(islice(queue.jobs, first, None))
        return Run(tuple(waiting[: self._merging.best(waiting, now)]))

    def _sharing(self, heads: Sequence[Run[JobT]]) -> list[Run[JobT]]:
        """The first of these, and those that may share a step with it."""
        return [run for place, run in enumerate(heads) if place == 0 or self._may_share(heads[0], run)]

    def _may_share(self, first: Run[JobT], run: Run[JobT]) -> bool:
        if self._queues[first.stream].alone or self._queues[run.stream].alone:
            return False
        if self._merging is not None and any(self._merging.grows(each.windows) for each in (first, run)):
            return False
        return self._mixed_hops or run.hop == first.hop

    def _front(self, queue: StreamQueue[JobT], now: float) -> Run[JobT]:
        """The first windows of those of a stream that would show most."""
        runs = [self._run(queue, now, first) for first in range(len(queue.jobs))]
        return max(runs, key=lambda run: self._shown(run, 1, now))

    def _can_wait(self, run: Run[JobT], now: float) -> bool:
        """Whether a window of silence is in time still if the largest step comes first. It shows more than others for
        its step, and is made ahead: it would keep those waiting that are late already."""
        if not run.silent:
            return False
        before = self.times.expected(self._max_batch, self._max_batch * run.hop)
        return run.deadline >= self._batches.end(run, 1, now) + before

    def _most(self, fronts: Sequence[Run[JobT]], now: float) -> list[Run[JobT]]:
        """Of the batches of each size, the one that is worth most a second."""
        best: list[Run[JobT]] = []
        most = -1.0
        silent = [[run] for run in fronts if run.silent]  # late in part it still shows most
        batches = [
            self._sharing(self._order(fronts, size, now))[:size]
            for size in range(1, min(self._max_batch, len(fronts)) + 1)
        ]
        for batch in batches + silent:
            size = len(batch)
            worth = sum(self._worth(run, size, now) for run in batch) / max(self._batches.seconds(batch), 1e-9)
            if worth > most:
                best, most = batch, worth
        return best

    def _order(self, fronts: Sequence[Run[JobT]], size: int, now: float) -> list[Run[JobT]]:
        """First those that can be in time together in steps of ``size``, by deadline; then the others, by what they
        are worth."""
        chosen: list[Run[JobT]] = []
        others: list[Run[JobT]] = []
        for run in sorted(fronts, key=lambda run: -self._worth(run, size, now)):
            wider = sorted([*chosen, run], key=_deadline)
            if self._batches.feasible(wider, size, now):
                chosen = wider
            else:
                others.append(run)
        return chosen + others

    def _worth(self, run: Run[JobT], size: int, now: float) -> float:
        return self._shown(run, size, now) * (0.1 + self._queues[run.stream].loss)

    def _shown(self, run: Run[JobT], size: int, now: float) -> float:
        """Of each of its windows the share that would be in time, together. A window of silence counts as the short
        ones that its stream would have if it spoke: nothing shows more for a step."""
        end = self._batches.end(run, size, now)
        return sum(
            frames_in_time(window, end) / (self._shortest or window.hop if window.silent else window.hop)
            for window in run.windows
        )


def _deadline(job: Job) -> float:
    return job.deadline
