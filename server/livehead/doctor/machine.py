"""Cores and memory that this process may use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from livehead.cores import usable_cores
from livehead.doctor.finding import Finding, ok, warn
from livehead.settings import Settings

FEW_CORES = 2
LITTLE_GB = 2.0
LITTLE_FLASHHEAD_GB = 6.0
"""Loading needs about 3 GB in the worker, at its peak; the rest is the server's and the page cache's."""


def look_at_machine(settings: Settings) -> Iterator[Finding]:
    cores = usable_cores()
    if cores < FEW_CORES:
        yield warn(
            "cores", f"{cores:g}", f"Give it {FEW_CORES}: the server, the generator and the encoders share them."
        )
    else:
        yield ok("cores", f"{cores:g}")
    free = free_gb()
    least = LITTLE_FLASHHEAD_GB if settings.engine.engine == "flashhead" else LITTLE_GB
    if free is None:
        yield warn("memory", "not known", "This system does not tell what memory is free.")
    elif free < least:
        yield warn("memory", f"{free:.1f} GB free", f"Have {least:g} GB free, or it may be ended in mid-call.")
    else:
        yield ok("memory", f"{free:.1f} GB free")


def free_gb(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> float | None:
    """What the machine has available, or less where a control group (version 2) allows less."""
    free = None
    with suppress(OSError, ValueError, IndexError):
        lines = (proc / "meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")) / 1e9
    with suppress(OSError, ValueError):  # no such file, or "max": no limit
        left = int((cgroup / "memory.max").read_text()) - int((cgroup / "memory.current").read_text())
        free = left / 1e9 if free is None else min(free, left / 1e9)
    return free
