"""Which streams step next: earliest deadline first, in batches. Pure: the clock is passed in.

- A stream's windows are stepped in the order they came, at most one of them in a batch.
- A window whose last picture will probably come too late is dropped instead of being computed.
- Streams share a batch where that pays: together they must take clearly less time than one after
  the other, and nobody in the batch may miss a deadline only because another one joined.
- While all that waits can be in time, the order is earliest deadline first. Under overload that
  alone would finish everything a little too late, and the same streams would lose again and again by
  the chance of when their windows arrive. So as many windows are chosen as can be in time together,
  those first that would show most and whose streams have lost most lately, and only among the
  chosen the deadlines decide. So losses spread evenly.
- Windows come at the same times of each hop, and long steps may fall into step with them, so that one stream's
  windows always come when it is too late for their first pictures. So a stream that has lost several windows in a
  row goes first with what it can still show, behind streams that have shown nothing yet, and no stream starves.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from livehead.core.media import BLOCK_S
from livehead.engine.steptimes import StepTimes

PAYS = 0.9
"""A batch must take less than this share of what its parts take one after the other: all its pictures come at its
end. Under overload any gain will do."""

STARVED = 6
"""A stream that has lost so many windows in a row goes first. Sooner would be fairer, and show less altogether: among
four times what fits, a stream that gets its share loses three in a row."""

LEAST_SHOWN = 0.25
"""… with a window of which at least this share is in time: a step should show something."""

LOSS_S = 5.0
"""Over how much of its own picture time a stream's share of losses is averaged, in seconds."""


class Job(Protocol):
    """One window of one stream. ``deadline`` is when the first of its ``hop`` pictures is to be sent, in seconds."""

    @property
    def stream(self) -> int: ...
    @property
    def hop(self) -> int: ...
    @property
    def deadline(self) -> float: ...


JobT = TypeVar("JobT", bound=Job)


@dataclass(frozen=True, slots=True)
class Plan(Generic[JobT]):
    """``batch`` is to be stepped now; ``late`` is dropped, as none of its pictures could be in time."""

    batch: list[JobT]
    late: list[JobT]


@dataclass(slots=True)
class _Queue(Generic[JobT]):
    jobs: deque[JobT] = field(default_factory=deque)
    loss: float = 1.0  # share of pictures lost lately; a new stream goes first, as its viewer sees nothing yet
    new: bool = True
    lost_in_a_row: int = 0
    alone: bool = False

    def lose(self, job: JobT) -> None:
        self.lost_in_a_row += 1
        self._average(job, 1.0)

    def serve(self) -> JobT:
        job = self.jobs.popleft()
        self.new = False
        self.lost_in_a_row = 0
        self._average(job, 0.0)
        return job

    def _average(self, job: JobT, lost: float) -> None:
        self.loss += (lost - self.loss) * min(1.0, job.hop * BLOCK_S / LOSS_S)


class Scheduler(Generic[JobT]):
    """Holds the windows that wait.

    ``max_batch`` streams share a step at most. ``backlog`` windows of one stream wait at most; past that
    its oldest is dropped. ``mixed_hops`` says that windows of different hop may share a step.
    """

    def __init__(self, *, max_batch: int, backlog: int, mixed_hops: bool = True) -> None:
        self._max_batch = max_batch
        self._backlog = backlog
        self._mixed_hops = mixed_hops
        self._queues: dict[int, _Queue[JobT]] = {}
        self._times = StepTimes()

    def __len__(self) -> int:
        """Windows waiting."""
        return sum(len(queue.jobs) for queue in self._queues.values())

    def add(self, job: JobT) -> JobT | None:
        """Queue a window; returns the stream's oldest, dropped, where its queue was full."""
        queue = self._queues.setdefault(job.stream, _Queue())
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

    def forget(self, stream: int) -> list[JobT]:
        """Take out the windows of a stream that ends, and all that is known of it."""
        queue = self._queues.pop(stream, None)
        return [] if queue is None else list(queue.jobs)

    def isolate(self, streams: Iterable[int]) -> None:
        """A step with these streams failed: until each has done well by itself, it shares no batch, so that the
        one at fault takes nobody with it."""
        for stream in streams:
            self._queues.setdefault(stream, _Queue()).alone = True

    def next(self, now: float) -> Plan[JobT]:
        """Take out what to step now. An empty batch means that nothing waits."""
        self._times.forget(now)
        late = [job for queue in self._queues.values() for job in self._take_late(queue, now)]
        heads = [queue.jobs[0] for queue in self._queues.values() if queue.jobs]
        heads.sort(key=_deadline)
        crowded = not self._feasible(heads, now)
        batch = self._fill(self._choose(heads, now) if crowded else heads, now, 1.0 if crowded else PAYS)
        for job in batch:
            self._queues[job.stream].serve()
        return Plan(batch, late)

    def observe(self, batch: Sequence[JobT], seconds: float, now: float) -> None:
        """Learn from a step that did well."""
        self._times.observe(len(batch), sum(job.hop for job in batch), seconds, now)
        if len(batch) == 1 and (queue := self._queues.get(batch[0].stream)) is not None:
            queue.alone = False

    def _take_late(self, queue: _Queue[JobT], now: float) -> list[JobT]:
        late = []
        while queue.jobs:
            job = queue.jobs[0]
            # By the median: a window is given up if it will rather not be in time. By a high percentile a few slow
            # steps would condemn every window of a stream with a short delay, most of which would have made it.
            done = now + self._times.typical(1, job.hop)
            if job.deadline + (job.hop - 1) * BLOCK_S >= done:
                break
            late.append(queue.jobs.popleft())
            queue.lose(job)
        return late

    def _choose(self, heads: Sequence[JobT], now: float) -> list[JobT]:
        """First the one that starves most, then those that can be in time together, by deadline; then the others, by
        what they are worth."""
        starved = max(heads, key=lambda job: self._queues[job.stream].lost_in_a_row)
        if self._starves(starved, heads, now):
            return [starved, *self._select([job for job in heads if job is not starved], now)]
        return self._select(heads, now)

    def _select(self, heads: Sequence[JobT], now: float) -> list[JobT]:
        chosen: list[JobT] = []
        others: list[JobT] = []
        for job in sorted(heads, key=lambda job: -self._worth(job, now)):
            wider = sorted([*chosen, job], key=_deadline)
            if self._feasible(wider, now):
                chosen = wider
            else:
                others.append(job)
        return chosen + others

    def _starves(self, job: JobT, heads: Sequence[JobT], now: float) -> bool:
        queues = [self._queues[head.stream] for head in heads]
        return (
            self._queues[job.stream].lost_in_a_row >= STARVED
            and self._in_time(job, now) >= LEAST_SHOWN
            and not any(queue.new and queue.lost_in_a_row < STARVED for queue in queues)
        )

    def _worth(self, job: JobT, now: float) -> float:
        return self._in_time(job, now) * (0.1 + self._queues[job.stream].loss)

    def _in_time(self, job: JobT, now: float) -> float:
        """The share of its pictures that would be in time, were it stepped now."""
        overdue = now + self._times.expected(1, job.hop) - job.deadline
        return 1 - max(0, math.ceil(overdue / BLOCK_S)) / job.hop

    def _feasible(self, jobs: Sequence[JobT], now: float) -> bool:
        """Whether these, stepped in this order, are all in time from their first picture on."""
        size = self._best_batch(jobs)
        for first in range(0, len(jobs), size):
            chunk = jobs[first : first + size]
            now += self._times.expected(len(chunk), sum(job.hop for job in chunk))
            if any(job.deadline < now for job in chunk):
                return False
        return True

    def _best_batch(self, jobs: Sequence[JobT]) -> int:
        """The batch size that gets most done."""
        if not jobs:
            return 1
        hop = jobs[0].hop
        sizes = range(1, min(self._max_batch, len(jobs)) + 1)
        return min(sizes, key=lambda size: self._times.expected(size, size * hop) / size)

    def _fill(self, heads: Sequence[JobT], now: float, pays: float) -> list[JobT]:
        batch: list[JobT] = []
        for job in heads:
            if not batch:
                batch.append(job)
            elif len(batch) == self._max_batch:
                break
            elif self._may_join(batch, job, now, pays):
                batch.append(job)
        return batch

    def _may_join(self, batch: Sequence[JobT], job: JobT, now: float, pays: float) -> bool:
        if self._queues[batch[0].stream].alone or self._queues[job.stream].alone:
            return False
        if not self._mixed_hops and job.hop != batch[0].hop:
            return False
        pictures = sum(member.hop for member in batch)
        without = self._times.expected(len(batch), pictures)
        after = self._times.expected(1, job.hop)
        together = self._times.expected(len(batch) + 1, pictures + job.hop)
        if together > pays * (without + after):
            return False
        return not any(now + without <= member.deadline < now + together for member in batch)


def _deadline(job: Job) -> float:
    return job.deadline
