"""Files that are there whole or not at all, in a folder that several servers may have at once.

What is kept is written under a temporary name beside its own, flushed to the disk (fsync) and renamed, and so is a
folder that is removed, the other way round. A server that is killed in the middle leaves temporary names, which
:func:`sweep` removes. All functions block: call them from a thread.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livehead.errors import DiskFullError, StoreError

TEMPORARY = ".new-"
"""Names of what is not finished begin with this."""

LOCK = ".lock"
"""A folder that is not finished has a file beside it, which is locked as long as somebody works in it."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def storing(folder: Path) -> Iterator[None]:
    """Around what writes below ``folder``. Raises DiskFullError and StoreError in place of OSError."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFullError(f"There is no room left on the disk of {folder}. Delete something first.") from error
        reason = error.strerror or str(error)
        raise StoreError(
            f"{folder} cannot be written: {reason}. Make it writable for this user, or give another --data-dir."
        ) from error


def write_file(path: Path, data: bytes) -> None:
    """Write a file, or replace it whole; readable by this user only. Raises DiskFullError and StoreError."""
    with storing(path.parent):
        handle, temporary = _temporary(path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A folder in ``parent``, which is made where there is none, for the block to work in; readable by this user only,
    and removed at the end. Raises DiskFullError and StoreError."""
    with storing(parent):
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, lock = _temporary(parent, LOCK)
    folder = lock.with_suffix("")
    try:
        with storing(parent):
            folder.mkdir(mode=0o700)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.unlink(missing_ok=True)
        os.close(handle)


def remove(path: Path) -> None:
    """Remove a file, or a folder at once, so that no half of a folder is ever seen. One that is not there is no error.
    Raises StoreError."""
    with storing(path.parent):
        if not path.is_dir():
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError):
                return
            sync_folder(path.parent)
            return
        with scratch_folder(path.parent) as gone:
            try:
                path.rename(gone / path.name)
                sync_folder(path.parent)
            except FileNotFoundError:
                pass


def sweep(folder: Path) -> int:
    """Remove what servers that were killed left unfinished in ``folder``, and say how much that was. What a process is
    writing right now, here or on another machine, is locked, and left alone. A folder that is not there is no
    error."""
    removed = 0
    for each in sorted(folder.glob(f"{TEMPORARY}*")):
        if each.is_dir():
            if not each.with_suffix(LOCK).exists():
                shutil.rmtree(each, ignore_errors=True)
                removed += 1
            continue
        try:
            handle = os.open(each, os.O_RDWR | os.O_NOFOLLOW)  # NFS locks no file that is open for reading only
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if each.suffix == LOCK:
                shutil.rmtree(each.with_suffix(""), ignore_errors=True)
            each.unlink()
            removed += 1
        except OSError:
            pass  # locked, or gone meanwhile
        finally:
            os.close(handle)
    return removed


def check_room(folder: Path, min_free_mb: int) -> None:
    """Raises DiskFullError where the disk of ``folder``, which need not be there yet, has less than ``min_free_mb``
    (of 10⁶ bytes) left."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    free_mb = shutil.disk_usage(there).free // 10**6
    if free_mb < min_free_mb:
        raise DiskFullError(
            f"The server's disk has {free_mb} MB left and {min_free_mb} MB are left alone, so nothing new is kept. "
            "Delete something, or ask whoever runs the server for room (LIVEHEAD_MIN_FREE_MB)."
        )


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk: a rename in it is safe from then on."""
    _sync(folder, os.O_DIRECTORY)


def lock_new(path: Path) -> int:
    """A new empty file, locked as long as the descriptor is open. The folder is made where there is none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if _is_at(path, handle):
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
            if not _is_at(path, handle):
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


def sync_file(path: Path) -> None:
    """Flush a file to the disk."""
    _sync(path)


def _temporary(folder: Path, suffix: str = "") -> tuple[int, Path]:
    """A new file, open and locked. One that was swept between the two is made again."""
    while True:
        handle, name = tempfile.mkstemp(dir=folder, prefix=TEMPORARY, suffix=suffix)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if _is_at(Path(name), handle):
            return handle, Path(name)
        os.close(handle)


def _is_at(path: Path, handle: int) -> bool:
    """Whether an open file is still there, by its name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _sync(path: Path, flags: int = 0) -> None:
    handle = os.open(path, os.O_RDONLY | flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
