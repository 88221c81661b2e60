"""How much of the processor this process may use: one answer for encoders, capacity and doctor."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def usable_cores() -> float:
    """Cores that this process may use: its affinity, and the quota of its control group (cgroup v2 ``cpu.max``)."""
    cores = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    with suppress(OSError, ValueError):  # no such file, or "max": no quota
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, int(quota) / int(period))
    return cores
