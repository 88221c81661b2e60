"""The workers of the engine that a server has, and how the memory of each grew in its own life.

A worker grows while it prepares portraits, to a level of its own, and the one after it begins with none. So what all of
them hold together tells how old they are, and not whether they leak.
"""

from __future__ import annotations

import contextlib

import psutil

from livehead.bench.soak.holdings import anonymous
from livehead.bench.soak.leaks import MEMORY, Growth, Sample, judge
from livehead.bench.usage import family

LIFE_S = 480.0
"""In a shorter life portraits are most of what changes: in three minutes a worker prepares as many as it keeps."""


def workers(pid: int) -> list[psutil.Process]:
    """Of the server with this process."""
    return [process for process in family(pid)[1:] if _is_worker(process)]


class WorkerLives:
    def __init__(self) -> None:
        self._seen: dict[tuple[int, float], list[Sample]] = {}  # by process and its beginning

    def look(self, pid: int, now: float) -> None:
        """At the workers that the server with this process has, at ``now`` in seconds. Blocks for milliseconds."""
        for process in workers(pid):
            with contextlib.suppress(psutil.Error, OSError):
                sample = Sample(now, anonymous(process) / 1e6)
                self._seen.setdefault((process.pid, process.create_time()), []).append(sample)

    def growths(self) -> list[Growth]:
        """How the memory of each grew that was seen for :data:`LIFE_S` at least, once it had warmed up."""
        lives = self._seen.values()
        return [judge(MEMORY, life) for life in lives if life[-1].at - life[0].at >= LIFE_S]


def _is_worker(process: psutil.Process) -> bool:
    """And alive: one that has ended may not have been waited for."""
    try:
        return "livehead.engine.worker.main" in process.cmdline()
    except psutil.Error:
        return False
