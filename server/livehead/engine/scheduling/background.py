"""Work behind the live streams: stepped while none of their windows waits, and only where none will be late for it.
Pure: the clock is passed in.

Streams take turns; where many wait, as many share a step as pay and as fit before the next live window. A live stream
never shares a step with these.

**Progress.** Without live streams a window is stepped at once, and else in any gap between their steps that is as long
as its own. Where there is none for a while, one at a time is stepped that makes live windows wait, if all of these will
still be in time. Where live streams alone take all of the device's time, or may not wait for as long as a step takes,
this work waits for them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Generic

from livehead.engine.scheduling.batching import Batches
from livehead.engine.scheduling.forecast import Forecast
from livehead.engine.scheduling.step_times import StepTimes
from livehead.engine.scheduling.stream_queue import JobT

CAUTION = 1.1
"""A step that holds up live windows is reckoned so many times as long as it nearly always takes."""

PATIENCE = 2
"""A step waits so many times its own length for a gap between live steps that is long enough. After that it may hold up
live windows, by itself and as far as they leave room before their deadlines."""

MEMORY_S = 60.0
"""How long the times of its steps are remembered. They are rare where little room is left, and a guess in their place
may cost a live window its deadline."""


class BackgroundScheduler(Generic[JobT]):
    """Holds the windows that wait, ``backlog`` of one stream at most, and steps ``max_batch`` together at most.

    ``measured`` says what a step with one window of so many frames took when the generator was timed, in seconds. It
    counts where none was seen lately."""

    def __init__(
        self,
        live_times: StepTimes,
        forecast: Forecast,
        *,
        max_batch: int,
        backlog: int,
        mixed_hops: bool,
        measured: Mapping[int, float] | None = None,
    ) -> None:
        self._live_times = live_times
        self._measured = measured or {}
        self._times = StepTimes(MEMORY_S)
        self._batches: Batches[JobT] = Batches(self._times, max_batch)
        self._forecast = forecast
        self._backlog = backlog
        self._mixed_hops = mixed_hops
        self._queues: dict[int, deque[JobT]] = {}  # in the order of their turns; none is empty
        self._alone: set[int] = set()
        self._since: float | None = None
        """Since when something waits without a step."""

    def __len__(self) -> int:
        """Windows waiting."""
        return sum(len(queue) for queue in self._queues.values())

    def add(self, job: JobT) -> JobT | None:
        """Queue a window; returns the stream's oldest, dropped, where its queue was full."""
        queue = self._queues.setdefault(job.stream, deque())
        queue.append(job)
        return queue.popleft() if len(queue) > self._backlog else None

    def clear(self, stream: int) -> list[JobT]:
        """Take out the windows that wait for a stream."""
        return list(self._queues.pop(stream, ()))

    def forget(self, stream: int) -> list[JobT]:
        """Take out the windows of a stream that ends, and all that is known of it."""
        self._alone.discard(stream)
        return self.clear(stream)

    def isolate(self, streams: Iterable[int]) -> None:
        """A step with these streams failed: each shares none until it has done well by itself."""
        self._alone.update(streams)

    def put_back(self, batch: Iterable[JobT]) -> None:
        """These were taken out and not stepped: each is its stream's next again."""
        for job in batch:
            self._queues.setdefault(job.stream, deque()).appendleft(job)

    def next(self, now: float) -> list[JobT]:
        """Take out what to step now; nothing where nothing waits, or a live stream would suffer. To be asked only
        while no live window waits."""
        self._times.forget(now)
        if not self._queues:
            self._since = None
            return []
        if self._since is None:
            self._since = now
        sharing = self._sharing([queue[0] for queue in self._queues.values()])
        batch = sharing[: self._room(sharing, self._since, now)]
        if batch:
            self._since = None
        for job in batch:
            queue = self._queues.pop(job.stream)
            queue.popleft()
            if queue:
                self._queues[job.stream] = queue  # behind all others
        return batch

    def observe(self, batch: Sequence[JobT], seconds: float, now: float) -> None:
        """Learn from a step that did well."""
        self._times.observe(len(batch), _frames(batch), seconds, now)
        if len(batch) == 1:
            self._alone.discard(batch[0].stream)

    def _room(self, sharing: Sequence[JobT], since: float, now: float) -> int:
        """How many of these there is room for."""
        free = self._forecast.free(now)
        for size in range(self._batches.best(sharing), 0, -1):
            if self._seconds(sharing[:size]) <= free:
                return size
        seconds = CAUTION * self._seconds(sharing[:1])
        patient = now < since + PATIENCE * seconds
        return 0 if patient or not self._forecast.leaves(seconds, now) else 1

    def _sharing(self, heads: Sequence[JobT]) -> list[JobT]:
        """The first of these, and those that may share a step with it."""
        return [job for place, job in enumerate(heads) if place == 0 or self._may_share(heads[0], job)]

    def _may_share(self, first: JobT, job: JobT) -> bool:
        if first.stream in self._alone or job.stream in self._alone:
            return False
        return self._mixed_hops or job.hop == first.hop

    def _seconds(self, batch: Sequence[JobT]) -> float:
        """What a step takes, nearly always. A batch that was not seen counts as so many steps of one."""
        size, frames = len(batch), _frames(batch)
        if self._times.knows(size, frames):
            return self._times.expected(size, frames)
        return sum(self._alone_seconds(job.hop) for job in batch)

    def _alone_seconds(self, hop: int) -> float:
        for times in (self._times, self._live_times):
            if times.knows(1, hop):
                return times.expected(1, hop)
        return self._measured.get(hop) or self._live_times.expected(1, hop)


def _frames(jobs: Sequence[JobT]) -> int:
    return sum(job.hop for job in jobs)
