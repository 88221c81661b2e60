"""Consecutive windows of one stream that are stepped as one: their hops are one hop. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

from livehead.engine.scheduling.stream_queue import JobT


@dataclass(frozen=True, slots=True)
class Run(Generic[JobT]):
    """``windows``, oldest first, of which there is at least one."""

    windows: tuple[JobT, ...]

    @property
    def stream(self) -> int:
        return self.windows[0].stream

    @property
    def k(self) -> int:
        return self.windows[0].k

    @property
    def hop(self) -> int:
        return sum(window.hop for window in self.windows)

    @property
    def silent(self) -> bool:
        return all(window.silent for window in self.windows)

    @property
    def deadline(self) -> float:
        """When the first of all its frames must be sent."""
        return self.windows[0].deadline
