"""What the C library keeps of memory that was freed.

glibc gives each thread that allocates an arena, up to eight for each core, and an arena gives nothing back from below
what is still in use at its end. Frames come and go in many threads: in an hour a server that needs 150 MB held 400 MB
of arenas, and more with every hour.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

ARENAS = 2
"""Threads that share one wait for each other for some nanoseconds."""

_M_ARENA_MAX = -8  # mallopt(3)
_LIBRARY: Any = ctypes.CDLL(None)


def limit_arenas() -> None:
    """For threads that do not allocate yet, so early in a process. Nothing happens without glibc, or where the variable
    MALLOC_ARENA_MAX says how many."""
    if "MALLOC_ARENA_MAX" not in os.environ and hasattr(_LIBRARY, "gnu_get_libc_version"):
        _LIBRARY.mallopt(_M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """The pages that nothing in use lies on; malloc_trim(3). One arena at a time is locked for it, for milliseconds."""
    if hasattr(_LIBRARY, "malloc_trim"):
        _LIBRARY.malloc_trim(0)
