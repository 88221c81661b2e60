"""What a process and its children take of the machine, from Linux's /proc."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Usage:
    """``cpu_s`` since the processes began, ``rss_mb`` now; ``machine_s`` is what all processes of the machine took
    since it began. ``at`` is monotonic seconds."""

    at: float
    cpu_s: float
    rss_mb: float
    machine_s: float


def usage(pid: int) -> Usage:
    """Of ``pid`` and everything that it started; what is gone counts as nothing."""
    cpu = rss = 0
    for each in family(pid):
        try:
            fields = (PROC / str(each) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        cpu += int(fields[11]) + int(fields[12])
        rss += int(fields[21]) * PAGE
    return Usage(time.monotonic(), cpu / TICKS, rss / 1e6, _machine_s())


def family(pid: int) -> list[int]:
    """``pid`` and all its descendants."""
    found = [pid]
    for each in found:
        for task in (PROC / str(each) / "task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                continue
    return found


def _machine_s() -> float:
    try:
        fields = [int(field) for field in (PROC / "stat").read_text().splitlines()[0].split()[1:9]]
    except (OSError, IndexError):
        return 0.0
    return (sum(fields) - fields[3] - fields[4]) / TICKS  # neither idle nor waiting for a disk
