"""When the next windows of live streams will come, and whether a step of other work that begins now would make one of
them late. Pure: the clock is passed in.

A live stream sends a window every ``hop`` frames, and each is due so much later than the one before. From its last
window all its next ones are known, until it ends, falls silent or begins anew: such a surprise costs it the rest of one
step at most.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import NamedTuple

from livehead.core.block import BLOCK_S
from livehead.engine.scheduling.batching import Batches
from livehead.engine.scheduling.step_times import StepTimes
from livehead.engine.scheduling.stream_queue import WindowJob

RESERVE_S = 0.006
RESERVE = 0.3
"""A window counts as late already so long before its deadline, and such a share of all the time that it has: its frames
have a way to go, and sessions learn from when frames come how soon they can show them. If frames came ever later, up to
their deadlines, a session that was slow for a moment would keep its long delay for as long as there is other work."""

FIRST_S = 0.5
"""After a live stream was opened its first window is about to come, and nothing else is begun for so long."""

QUIET_S = 0.1
"""A stream whose window is overdue for this long, and for a period of its own, has fallen silent."""

STEPS = 8
"""Steps for each live stream after which they must have caught up with the delay."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A window of a live stream that will come ``at``."""

    stream: int
    hop: int
    at: float
    deadline: float

    @property
    def safe(self) -> float:
        """When its frames are to be there if nobody is to notice."""
        return self.deadline - max(RESERVE_S, RESERVE * (self.deadline - self.at))

    @property
    def next(self) -> Expected:
        """The one after it."""
        period = self.hop * BLOCK_S
        return replace(self, at=self.at + period, deadline=self.deadline + period)


class _Coming(NamedTuple):
    at: float
    order: int
    window: Expected


class Forecast:
    """``times`` are those of the live streams' steps; ``max_batch`` and ``mixed_hops`` are their scheduler's."""

    def __init__(self, times: StepTimes, *, max_batch: int, mixed_hops: bool) -> None:
        self._times = times
        self._batches: Batches[Expected] = Batches(times, max_batch)
        self._mixed_hops = mixed_hops
        self._expected: dict[int, Expected] = {}
        self._opened: dict[int, float] = {}

    def opened(self, stream: int, now: float) -> None:
        """A live stream was opened."""
        self._opened[stream] = now

    def submitted(self, job: WindowJob, at: float) -> None:
        """A live stream's window was sent ``at``."""
        self._opened.pop(job.stream, None)
        self._expected[job.stream] = Expected(job.stream, job.hop, at, job.deadline).next

    def forget(self, stream: int) -> None:
        """The stream is closed."""
        self._opened.pop(stream, None)
        self._expected.pop(stream, None)

    def free(self, now: float) -> float:
        """For how long no live window will come, in seconds; nobody knows before the first one of a stream."""
        if self._beginning(now):
            return 0.0
        return max(0.0, min((each.at for each in self._live(now)), default=math.inf) - now)

    def leaves(self, seconds: float, now: float) -> bool:
        """Whether the device may be busy with something else for so long, from now on, while no live window waits:
        every live window that comes meanwhile, and all after it until they have caught up, are in time."""
        if self._beginning(now):
            return False
        order = count()
        coming = [_Coming(max(now, each.at), next(order), each) for each in self._live(now)]
        heapq.heapify(coming)
        waiting: list[Expected] = []
        end = now + seconds
        for _ in range(STEPS * len(coming) + 1):
            while coming and coming[0].at <= end:
                waiting.append(heapq.heappop(coming).window)
            if not waiting:
                return True  # from here on it is as if nothing had been
            batch = self._batch(waiting)
            end += self._times.expected(len(batch), sum(each.hop for each in batch))
            if any(each.safe < end for each in batch):
                return False
            for each in batch:
                waiting.remove(each)
                heapq.heappush(coming, _Coming(each.next.at, next(order), each.next))
        return False

    def _beginning(self, now: float) -> bool:
        return any(now < at + FIRST_S for at in self._opened.values())

    def _live(self, now: float) -> Iterator[Expected]:
        return (each for each in self._expected.values() if now < each.at + max(QUIET_S, each.hop * BLOCK_S))

    def _batch(self, waiting: Iterable[Expected]) -> list[Expected]:
        """What the scheduler would step of these."""
        heads = sorted(waiting, key=lambda each: each.deadline)
        sharing = heads if self._mixed_hops else [each for each in heads if each.hop == heads[0].hop]
        return sharing[: self._batches.best(sharing)]
