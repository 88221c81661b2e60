"""The processor cores and the memory that this process may use."""

from __future__ import annotations

from collections.abc import Iterator

import psutil

from livehead.cores import usable_cores
from livehead.doctor.finding import Finding, ok, warn
from livehead.engine.free_memory import free_gb
from livehead.settings import Settings

FEW_CORES = 2
LITTLE_GB = 2.0
LITTLE_FLASHHEAD_GB = 6.0
"""Loading needs about 3 GB in the worker, at its peak; the rest is for the server and the page cache."""


def check_machine(settings: Settings) -> Iterator[Finding]:
    cores = usable_cores()
    if cores < FEW_CORES:
        yield warn(
            "cores",
            f"{cores:g}",
            f"Give it {FEW_CORES} or more: server, generator and encoders share them.",
        )
    else:
        yield ok("cores", f"{cores:g}")
    free = free_gb(psutil.virtual_memory().available)
    least = LITTLE_FLASHHEAD_GB if settings.engine.engine == "flashhead" else LITTLE_GB
    if free < least:
        cure = f"Free {least:g} GB, or the system may end Livehead in the middle of a call."
        yield warn("memory", f"{free:.1f} GB free", cure)
    else:
        yield ok("memory", f"{free:.1f} GB free")
