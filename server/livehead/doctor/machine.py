"""What this process may use of the machine: cores, memory, disk, shared memory, the clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from livehead.doctor.environment import Environment
from livehead.doctor.finding import Finding, fail, ok, warn
from livehead.settings import Settings

FEW_CORES = 2
LITTLE_GB = 2.0
LITTLE_FLASHHEAD_GB = 6.0
"""Loading needs about 3 GB in the worker, at its peak; the rest is for the server and the page cache."""

SHARED = Path("/dev/shm")
LITTLE_SHARED_GB = 1.0
"""Ray keeps its object store there."""


def check_machine(settings: Settings, environment: Environment) -> Iterator[Finding]:
    cores = environment.cores()
    if cores < FEW_CORES:
        yield warn(
            "cores",
            f"{cores:g}",
            f"Give it {FEW_CORES} or more: server, generator and encoders share them.",
        )
    else:
        yield ok("cores", f"{cores:g}")
    free = environment.free_memory_gb()
    least = LITTLE_FLASHHEAD_GB if settings.engine.engine == "flashhead" else LITTLE_GB
    if free < least:
        cure = f"Free {least:g} GB, or the system may end Livehead in the middle of a call."
        yield warn("memory", f"{free:.1f} GB free", cure)
    else:
        yield ok("memory", f"{free:.1f} GB free")


def check_disk(settings: Settings, environment: Environment) -> Iterator[Finding]:
    """The folder of the server's files. That of the weights is checked with them."""
    folder = settings.server.data_dir
    if not environment.writable(folder):
        yield fail("disk", f"cannot write to {folder.absolute()}", "Choose another folder with --data-dir.")
        return
    free, least = environment.disk_gb(folder)[0], settings.store.min_free_mb / 1000
    said = f"{free:.1f} GB free in {folder.absolute()}"
    if free < least:
        cure = f"Free {least:g} GB (LIVEHEAD_MIN_FREE_MB), or put --data-dir on another disk. Calls go on meanwhile."
        yield warn("disk", f"{said}: no portrait, film or render is kept", cure)
    else:
        yield ok("disk", said)


def check_shared_memory(settings: Settings, environment: Environment) -> Iterator[Finding]:
    """Frames do not pass through /dev/shm: their memory has no name. A fleet's Ray is what needs it."""
    if not environment.exists(SHARED):
        yield ok("shared memory", f"there is no {SHARED}; Livehead does not need it")
        return
    _, total = environment.disk_gb(SHARED)
    if total < LITTLE_SHARED_GB and environment.has_module("ray"):
        cure = "docker run --shm-size=2g, or shm_size: 2g in a compose file. A server without a fleet does not need it."
        yield warn("shared memory", f"{SHARED} has {total * 1000:.0f} MB, and Ray keeps its objects there", cure)
    else:
        yield ok("shared memory", f"{SHARED} has {total:.1f} GB; frames do not pass through it")


def check_clock(settings: Settings, environment: Environment) -> Iterator[Finding]:
    """Whether anything keeps the clock right. There is nothing here to compare it with; a TURN server's answer to
    credentials that live for minutes is what tells of two clocks that differ (check_relays)."""
    said = environment.run("timedatectl", "show", "--property=NTPSynchronized", "--value")
    kept = {"yes": True, "no": False}.get(said.last) if said.status == 0 else None
    if kept is None:
        kept = environment.clock_synchronised()
    now = f"{environment.now():%Y-%m-%d %H:%M:%S} UTC"
    if kept is None:
        yield ok("clock", f"{now}; whether it is kept right cannot be told here")
    elif kept:
        yield ok("clock", f"{now}, kept right by a time service")
    elif environment.in_container():
        yield ok("clock", f"{now}; it is the host's, whose kernel says that no time service keeps it")
    else:
        media, server = settings.media, settings.server
        needed = [
            what
            for what, used in (
                (f"TURN credentials, which live for {media.turn_ttl} s", bool(media.turn_secret)),
                ("certificates", server.tls_cert is not None),
            )
            if used
        ]
        cure = "sudo timedatectl set-ntp true" + (f". It matters for {' and '.join(needed)}." if needed else "")
        yield warn("clock", f"{now}; no time service keeps it right", cure)
