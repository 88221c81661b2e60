"""What a process that decodes a stranger's file may take of the machine."""

from __future__ import annotations

import ctypes
import os
import resource
import signal

MEMORY = 2 * 1024**3
"""Bytes of address space. A picture of the most pixels, turned and with transparency, takes 1.2 GB."""

SECONDS = 10
"""Of processor time, and by the clock."""

MAX_OUTPUT = 16 * 1024 * 1024
"""Bytes of any file that is written, the result among them."""

DESCRIPTORS = 16

NICE = 5
"""Live sessions go first."""

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_NO_NEW_PRIVILEGES = 38


def confine(*, seconds: int = SECONDS, output: int = MAX_OUTPUT) -> None:
    """Limit this process for the rest of its life: memory, time, files, output, no core dump, no new privileges, and,
    where the system lets an ordinary user, no network. Call it before the first byte of the file is read."""
    for what, limit in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, output),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (limit, limit))
    signal.alarm(seconds)  # even where nobody is left to kill it
    os.nice(NICE)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if libc.unshare(_NEW_NETWORK) != 0:  # which takes privileges that an ordinary user has in a namespace of its own
        libc.unshare(_NEW_USER | _NEW_NETWORK)
