"""What a program holds at one moment: a process, all that it started, and what they share."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from livehead.bench.soak.leaks import (
    DESCRIPTORS,
    DEVICE_MEMORY,
    MEMORY,
    PROCESSES,
    SHARED_MEMORY,
    SHARED_SEGMENTS,
    THREADS,
    Growth,
    Resource,
    Sample,
    judge,
)
from livehead.bench.usage import family

SHARED = ("/dev/shm/", "/memfd:")
"""What a descriptor of shared memory points to: a file there, or memory without a name (memfd_create)."""

DEVICE_S = 10.0
"""How long nvidia-smi may take."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """``at`` is monotonic seconds. ``memory`` is anonymous memory, that is, neither program files nor shared memory,
    which are no leaks of it; memory is in MB, that of the device is all programs'. None where it is not known."""

    at: float
    memory: float
    descriptors: int
    threads: int
    processes: int
    shared_segments: int
    shared_memory: float
    device_memory: float | None = None


RESOURCES: dict[str, Resource] = {
    "memory": MEMORY,
    "descriptors": DESCRIPTORS,
    "threads": THREADS,
    "processes": PROCESSES,
    "shared_segments": SHARED_SEGMENTS,
    "shared_memory": SHARED_MEMORY,
    "device_memory": DEVICE_MEMORY,
}
"""By the field of :class:`Holdings`."""


def holdings(pid: int, *, device: bool = False, alone: bool = False) -> Holdings:
    """Of ``pid`` and all its descendants, or ``alone``. A process that has ended counts as nothing. With ``device`` the
    memory of the first NVIDIA card is asked for, which takes some 50 ms. Blocks."""
    memory = 0.0
    descriptors = threads = processes = 0
    segments: dict[tuple[int, int], int] = {}
    for process in family(pid)[: 1 if alone else None]:
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            memory += anonymous(process)
            descriptors += process.num_fds()
            threads += process.num_threads()
            processes += 1
            segments.update(_shared(process.pid))
    return Holdings(
        at=time.monotonic(),
        memory=memory / 1e6,
        descriptors=descriptors,
        threads=threads,
        processes=processes,
        shared_segments=len(segments),
        shared_memory=sum(segments.values()) / 1e6,
        device_memory=device_memory() if device else None,
    )


def growths(seen: list[Holdings], warm_up: float | None = None) -> list[Growth]:
    """How each resource that was seen has grown: see :func:`~livehead.bench.soak.leaks.judge`, also for errors."""
    found = []
    for field, resource in RESOURCES.items():
        values = [(each.at, getattr(each, field)) for each in seen]
        samples = [Sample(at, float(value)) for at, value in values if value is not None]
        if samples:
            found.append(judge(resource, samples) if warm_up is None else judge(resource, samples, warm_up))
    return found


def device_memory() -> float | None:
    """MB that all programs together take of the first NVIDIA card; None without one."""
    if shutil.which("nvidia-smi") is None:
        return None
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=DEVICE_S, check=True).stdout
        return float(said.split()[0]) * 1.048576
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def anonymous(process: psutil.Process) -> float:
    """Bytes that are neither a file's nor shared: RssAnon (proc_pid_status(5)) where there is Linux's /proc, else the
    resident set."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return float(line.split()[1]) * 1024
    return float(process.memory_info().rss)


def _shared(pid: int) -> Iterator[tuple[tuple[int, int], int]]:
    """Each piece of shared memory that a process has a descriptor of: what it is known by, and its bytes."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(entry.path).startswith(SHARED):
                    stat = os.stat(entry.path)
                    yield (stat.st_dev, stat.st_ino), stat.st_size
