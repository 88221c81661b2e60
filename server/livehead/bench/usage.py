"""Processor time and memory of a process and its children."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Usage:
    """``cpu_s`` is processor time since the processes began, ``rss_mb`` their resident memory now; ``machine_s`` is
    the processor time of everything on the machine since it booted. ``at`` is monotonic seconds."""

    at: float
    cpu_s: float
    rss_mb: float
    machine_s: float


def usage(pid: int) -> Usage:
    """Of ``pid`` and all its descendants. A process that has ended counts as nothing."""
    cpu, rss = 0.0, 0
    for process in family(pid):
        try:
            times, memory = process.cpu_times(), process.memory_info()
        except psutil.Error:
            continue
        cpu += times.user + times.system
        rss += memory.rss
    return Usage(time.monotonic(), cpu, rss / 1e6, _machine_s())


def family(pid: int) -> list[psutil.Process]:
    """``pid`` and all its descendants, parents first; empty where it has ended."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return []


def _machine_s() -> float:
    """Neither idle nor waiting for a disk. Guests are left out: their time is the user's already."""
    times = psutil.cpu_times()._asdict()
    return float(sum(times.get(name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal")))
