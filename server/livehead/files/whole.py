"""Files that are there whole or not at all, in a folder that several servers may have at once.

The one place that writes what is kept: under a temporary name beside its own, flushed to the disk (fsync), renamed, and
the folder flushed, so that what returns is there, whatever happens to the process or the machine. A folder that is
removed goes the other way round. A server that is killed in the middle leaves temporary names, which :func:`sweep`
removes. All functions block: call them from a thread.
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
from livehead.files.locks import is_at

TEMPORARY = ".new-"
"""Names of what is not finished begin with this."""

LOCK = ".lock"
"""A folder that is not finished has a file beside it, which is locked as long as somebody works in it."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a full disk, and of a user who has as much of it as is allowed."""


@contextmanager
def storing(folder: Path) -> Iterator[None]:
    """Around what writes below ``folder``. Raises DiskFullError and StoreError in place of OSError."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise DiskFullError(f"There is no room left on the disk of {folder}. Delete something first.") from error
        reason = error.strerror or str(error)
        raise StoreError(
            f"{folder} cannot be written: {reason}. Make it writable for this user, or give another --data-dir."
        ) from error


def write_file(path: Path, data: bytes) -> None:
    """Write a file, or replace it whole; readable by this user only. Raises DiskFullError and StoreError."""
    with new_file(path) as handle, os.fdopen(os.dup(handle), "wb") as file:
        file.write(data)


@contextmanager
def new_file(path: Path) -> Iterator[int]:
    """The descriptor of an empty file, readable by this user only, which is ``path`` after the block, and gone where
    that raises. Raises DiskFullError and StoreError."""
    with storing(path.parent):
        handle, temporary = _temporary(path.parent, name=path.name)
        try:
            try:
                yield handle
                put_in_place(temporary, path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        finally:
            os.close(handle)


def put_in_place(temporary: Path, path: Path) -> None:
    """Flush a file to the disk and give it its name; it may replace another one. Raises OSError."""
    sync_file(temporary)
    temporary.replace(path)
    sync_folder(path.parent)


def make_folder(path: Path) -> None:
    """And those above it, as far as they are not there; for this user only. Raises OSError."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_folder(path.parent)


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A folder in ``parent``, which is made where there is none, for the block to work in; readable by this user only,
    and removed at the end. Raises DiskFullError and StoreError."""
    with storing(parent):
        make_folder(parent)
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


def sweep(folder: Path, name: str = "") -> int:
    """Remove what processes that were killed left unfinished in ``folder``, or of the file ``name`` alone, and say how
    much that was. What a process is writing right now, here or on another machine, is locked, and left alone. A folder
    that is not there is no error."""
    removed = 0
    for each in unfinished(folder, name):
        if each.is_dir():
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


def unfinished(folder: Path, name: str = "") -> Iterator[Path]:
    """What is not finished in ``folder``, whoever is at it; folders with a lock beside them are left to that."""
    for each in sorted(folder.glob(f"{TEMPORARY}{name and f'{name}-'}*")):
        if not each.is_dir() or not each.with_suffix(LOCK).exists():
            yield each


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk: a rename in it is safe from then on. Raises OSError."""
    _sync(folder, os.O_DIRECTORY)


def sync_file(path: Path) -> None:
    """Flush a file to the disk. Raises OSError."""
    _sync(path)


def _temporary(folder: Path, suffix: str = "", name: str = "") -> tuple[int, Path]:
    """A new file, open and locked. One that was swept between the two is made again."""
    while True:
        handle, path = tempfile.mkstemp(dir=folder, prefix=f"{TEMPORARY}{name and f'{name}-'}", suffix=suffix)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if is_at(Path(path), handle):
            return handle, Path(path)
        os.close(handle)


def _sync(path: Path, flags: int = 0) -> None:
    handle = os.open(path, os.O_RDONLY | flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
