"""A window as the scheduler sees it."""

from __future__ import annotations

from typing import Protocol, TypeVar


class Job(Protocol):
    """One window of one stream. ``deadline`` is when the first of its ``hop`` frames is to be sent, in seconds."""

    @property
    def stream(self) -> int: ...
    @property
    def hop(self) -> int: ...
    @property
    def deadline(self) -> float: ...


JobT = TypeVar("JobT", bound=Job)
