"""Locks that end with the process that holds them (flock). All functions block: call them from a thread."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def lock_new(path: Path) -> int:
    """A new empty file, locked as long as the descriptor is open. The folder is made where there is none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if is_at(path, handle):
            return handle
        os.close(handle)  # swept between the two


@contextmanager
def turn(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """One process at a time is in the block, by a lock file that is there as long. Without ``wait``, the block gets
    False where another one is."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not is_at(path, handle):
                continue
            try:
                yield True
            finally:
                path.unlink(missing_ok=True)
            return
        except BlockingIOError:
            yield False
            return
        finally:
            os.close(handle)


def is_locked(path: Path) -> bool:
    """Whether a process has it open and locked; one that is not there is not."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def is_at(path: Path, handle: int) -> bool:
    """Whether an open file is still there, by its name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False
