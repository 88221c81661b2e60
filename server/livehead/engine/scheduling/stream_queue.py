"""The windows of one stream that wait, and how the stream fared lately. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from livehead.core.block import BLOCK_S

LOSS_S = 5.0
"""Over how much of its own frame time a stream's share of losses is averaged, in seconds."""


class WindowJob(Protocol):
    """A window of one stream as the scheduler sees it: ``deadline`` is when the first of its ``hop`` frames must be
    sent, in seconds of the clock passed in."""

    @property
    def stream(self) -> int: ...
    @property
    def hop(self) -> int: ...
    @property
    def deadline(self) -> float: ...


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

    def serve(self, job: JobT) -> list[JobT]:
        """Take ``job`` out to be stepped, and those before it, which are lost; returns these."""
        passed = []
        while (first := self.jobs.popleft()) is not job:
            self.lose(first)
            passed.append(first)
        self.new = False
        self.lost_in_a_row = 0
        self._average(job, 0.0)
        return passed

    def _average(self, job: JobT, lost: float) -> None:
        self.loss += (lost - self.loss) * min(1.0, job.hop * BLOCK_S / LOSS_S)
