"""What it means for windows to share a step: what that takes, what it saves, and who is in time then. Pure.

All times are what steps of that size were seen to take lately: as a median where sizes are compared, as the 95th
percentile where deadlines are. Windows are stepped in the order given, in steps of a size, the last one with the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Generic

from livehead.engine.scheduling.step_times import StepTimes
from livehead.engine.scheduling.stream_queue import AnyJobT, Job

PAYS = 0.95
"""A batch must take less than this share of what its windows take in smaller steps: all its frames come at its end.
Smaller gains are not told from chance. A generator that puts a batch of eight together from two of four gains nothing,
and then two of four it is: the first four need not wait for the others."""


class Batches(Generic[AnyJobT]):
    def __init__(self, times: StepTimes, most: int) -> None:
        """``most`` windows share a step at most."""
        self._times = times
        self._most = most

    def best(self, jobs: Sequence[AnyJobT], now: float | None = None) -> int:
        """How many of these, from the first on, make the largest step that pays; at least 1. With ``now`` that step
        begins now, and nobody in it may be late only because others are."""
        size = 1
        for larger in range(2, min(self._most, len(jobs)) + 1):
            some = jobs[:larger]
            if self._pays(some, size) and (now is None or not self._harms(some, size, now)):
                size = larger
        return size

    def feasible(self, jobs: Sequence[AnyJobT], size: int, now: float) -> bool:
        """Whether all are in time from their first frame on, in steps of ``size`` from now on."""
        for step in _steps(jobs, size):
            now += self._times.expected(len(step), _frames(step))
            if any(job.deadline < now for job in step):
                return False
        return True

    def end(self, job: Job, size: int, now: float) -> float:
        """When it is done if it is stepped now in a batch of ``size`` like it."""
        return now + self._times.expected(size, size * job.hop)

    def seconds(self, jobs: Sequence[AnyJobT]) -> float:
        """What one step with all these takes."""
        return self._times.typical(len(jobs), _frames(jobs))

    def _pays(self, jobs: Sequence[AnyJobT], size: int) -> bool:
        return self.seconds(jobs) <= PAYS * sum(self.seconds(step) for step in _steps(jobs, size))

    def _harms(self, jobs: Sequence[AnyJobT], size: int, now: float) -> bool:
        together = now + self._times.expected(len(jobs), _frames(jobs))
        for step in _steps(jobs, size):
            now += self._times.expected(len(step), _frames(step))
            if any(now <= job.deadline < together for job in step):
                return True
        return False


def _steps(jobs: Sequence[AnyJobT], size: int) -> Iterator[Sequence[AnyJobT]]:
    return (jobs[first : first + size] for first in range(0, len(jobs), size))


def _frames(jobs: Sequence[Job]) -> int:
    return sum(job.hop for job in jobs)
