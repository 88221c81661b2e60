"""Files that are there whole or not at all.

What is kept is written under a temporary name beside its own, flushed to the disk (fsync) and renamed, and so is what
is removed, the other way round. A server that is killed in the middle leaves temporary names, which :func:`sweep`
removes at the next start. All functions block: call them from a thread.
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
        raise StoreError(f"{folder} cannot be written: {reason}. Check --data-dir and its permissions.") from error


def write_file(path: Path, data: bytes) -> None:
    """Write a file, or replace it whole; readable by this user only. Raises DiskFullError and StoreError."""
    with storing(path.parent):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY)
        try:
            with os.fdopen(handle, "wb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder for the block to write into, readable by this user only, which becomes ``path`` at its end;
    where the block raises, it is removed. The folder above is made where there is none.

    Raises FileExistsError, and keeps nothing, where ``path`` is there already and not empty; DiskFullError and
    StoreError.
    """
    with storing(path.parent):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=TEMPORARY))
        lock = os.open(temporary, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with storing(path.parent):
            yield temporary
            for file in temporary.iterdir():
                _sync(file)
            os.fsync(lock)
            taken = not _rename(temporary, path)
            sync_folder(path.parent)
        if taken:
            raise FileExistsError(errno.EEXIST, "is there already", str(path))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        os.close(lock)


def remove(path: Path) -> None:
    """Remove a file or a folder at once, so that no half of a folder is ever seen. One that is not there is no error.
    Raises StoreError."""
    if not path.exists():
        return
    with storing(path.parent):
        gone = Path(tempfile.mkdtemp(dir=path.parent, prefix=TEMPORARY))
        try:
            path.rename(gone / path.name)
            sync_folder(path.parent)
        except FileNotFoundError:
            pass
        finally:
            shutil.rmtree(gone, ignore_errors=True)


def sweep(folder: Path) -> int:
    """Remove what a server that was killed left unfinished in ``folder``, and say how much that was. What another
    process is writing right now is locked, and left alone. A folder that is not there is no error."""
    removed = 0
    for each in folder.glob(f"{TEMPORARY}*"):
        try:
            handle = os.open(each, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if each.is_dir():
                shutil.rmtree(each)
            else:
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


def _rename(folder: Path, path: Path) -> bool:
    """Whether ``path`` was free."""
    try:
        folder.rename(path)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


def _sync(path: Path, flags: int = 0) -> None:
    handle = os.open(path, os.O_RDONLY | flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
