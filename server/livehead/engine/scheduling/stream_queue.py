"""The windows of one stream that wait, and how the stream fared lately. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from livehead.core.block import BLOCK_S

LOSS_S = 5.0
"""Over how much of its own frame time a stream's share of losses is averaged, in seconds."""


class Job(Protocol):
    """What a stream wants of a step: ``deadline`` is when the first of its ``hop`` frames must be sent, in seconds of
    the clock passed in."""

    @property
    def stream(self) -> int: ...
    @property
    def hop(self) -> int: ...
    @property
    def deadline(self) -> float: ...


class WindowJob(Job, Protocol):
    """A window as the scheduler sees it: the frames of blocks ``k``, ``k + 1``, … are made from theirs and
    ``lookahead`` further ones. ``submitted`` is when it came. One that is ``silent`` has silence only, and was
    probably asked for ahead of time."""

    @property
    def k(self) -> int: ...
    @property
    def lookahead(self) -> int: ...
    @property
    def submitted(self) -> float: ...
    @property
    def silent(self) -> bool: ...


def frames_in_time(job: Job, done: float) -> int:
    """How many of its frames are in time if they are there when it is ``done``."""
    return max(0, job.hop - max(0, math.ceil((done - job.deadline) / BLOCK_S)))


AnyJobT = TypeVar("AnyJobT", bound=Job)
JobT = TypeVar("JobT", bound=WindowJob)


@dataclass(slots=True)
class StreamQueue(Generic[JobT]):
    """``loss`` is the share of its windows lost lately; a new stream begins with all of them, as its viewer sees
    nothing yet. ``alone`` says that it shares no step for now, ``held`` that it gets none."""

    jobs: deque[JobT] = field(default_factory=deque)
    loss: float = 1.0
    new: bool = True
    lost_in_a_row: int = 0
    alone: bool = False
    held: bool = False

    def lose(self, job: JobT) -> None:
        """``job`` is not stepped."""
        self.lost_in_a_row += 1
        self._average(job, 1.0)

    def serve(self, windows: Sequence[JobT], done: float) -> list[JobT]:
        """Take these out to be stepped until ``done``, and those before them, which are lost; returns the latter.
        ``windows`` follow one another; what is late of them is lost too."""
        passed = []
        while self.jobs[0] is not windows[0]:
            passed.append(self.jobs.popleft())
            self.lose(passed[-1])
        for window in windows:
            self.jobs.popleft()
            self._average(window, 1 - frames_in_time(window, done) / window.hop)
        self.new = False
        self.lost_in_a_row = 0
        return passed

    def _average(self, job: JobT, lost: float) -> None:
        self.loss += (lost - self.loss) * min(1.0, job.hop * BLOCK_S / LOSS_S)
