"""Which streams step next: earliest deadline first, in batches. Pure: the clock is passed in."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from livehead.core.media import BLOCK_S


class Job(Protocol):
    """One window of one stream: ``hop`` pictures from ``k`` on; ``deadline`` is when the first is to be sent, in
    seconds."""

    @property
    def stream(self) -> int: ...
    @property
    def k(self) -> int: ...
    @property
    def hop(self) -> int: ...
    @property
    def deadline(self) -> float: ...


JobT = TypeVar("JobT", bound=Job)


@dataclass(frozen=True, slots=True)
class Plan(Generic[JobT]):
    """``batch`` is to be stepped now, at most one job a stream; ``late`` is dropped: too late in all its pictures."""

    batch: list[JobT]
    late: list[JobT]


class Scheduler(Generic[JobT]):
    def __init__(self, *, max_batch: int, backlog: int) -> None:
        self._max_batch = max_batch
        self._backlog = backlog
        self._queues: dict[int, deque[JobT]] = {}

    def add(self, job: JobT) -> JobT | None:
        """Queue a job; returns the stream's oldest where its queue was full."""
        queue = self._queues.setdefault(job.stream, deque())
        queue.append(job)
        return queue.popleft() if len(queue) > self._backlog else None

    def drop(self, stream: int) -> list[JobT]:
        """Forget a stream and return the jobs that waited for it."""
        return list(self._queues.pop(stream, ()))

    def next(self, now: float) -> Plan[JobT]:
        late: list[JobT] = []
        for queue in self._queues.values():
            while queue and queue[0].deadline + (queue[0].hop - 1) * BLOCK_S < now:
                late.append(queue.popleft())
        heads = sorted((queue[0] for queue in self._queues.values() if queue), key=lambda job: job.deadline)
        batch = heads[: self._max_batch]
        for job in batch:
            self._queues[job.stream].popleft()
        return Plan(batch, late)

    def observe(self, batch: list[JobT], seconds: float, now: float) -> None:
        """Learn from a step."""
