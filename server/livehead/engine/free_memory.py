"""How much memory of the machine this process may still take."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def free_gb(available: int, cgroup: Path = Path("/sys/fs/cgroup")) -> float:
    """The ``available`` bytes of the machine in GB, or less if a control group (version 2) allows less."""
    with suppress(OSError, ValueError):  # no such file, or "max": no limit
        left = int((cgroup / "memory.max").read_text()) - int((cgroup / "memory.current").read_text())
        available = min(available, left)
    return available / 1e9
