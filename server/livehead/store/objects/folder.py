"""A folder as storage, for one server or for several at once, also over NFS.

What is assumed of it: a rename replaces a file at once, and locks (``flock``) hold between all servers, as on disks of
one machine and on NFS from version 4 on.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from livehead.errors import DiskFullError, LiveheadError, StoreError, UsageError
from livehead.files.locks import lock_new
from livehead.files.room import check_room
from livehead.files.whole import (
    TEMPORARY,
    make_folder,
    new_file,
    put_in_place,
    remove,
    scratch_folder,
    storing,
    sweep,
    sync_folder,
    write_file,
)
from livehead.store.layout import KEY, mark_layout
from livehead.store.objects.base import ObjectInfo, StoredObject

SHARED = ".shared"
"""Folder of what servers tell each other by locks: one file for each folder at the top, held by whoever compares and
writes there, and one for each server that was announced, held as long as that is there."""

PIECE = 256 * 1024

EMPTY_S = 3600.0
"""An empty folder that is younger may be one that another server is about to write to."""

PROBE = "probe"
NEW = "new"


class FolderStore:
    """Implements :class:`~livehead.store.objects.base.ObjectStore`: an object is a file. ``root`` is made with the
    first."""

    poll_s = 1.0

    def __init__(self, root: Path) -> None:
        self.root = root
        self._announced: dict[str, int] = {}
        self._marked = False

    def describe(self) -> str:
        return f"the folder {self.root.absolute()}"

    def check(self) -> None:
        there = next(each for each in (self.root.absolute(), *self.root.absolute().parents) if each.exists())
        if there != self.root.absolute() and there.is_dir() and os.access(there, os.W_OK | os.X_OK):
            return  # it is made when it is needed
        try:
            with self._lock(PROBE), storing(self.root):
                (self.root / SHARED / PROBE).write_bytes(b"")
        except LiveheadError as error:
            raise UsageError(str(error)) from None
        except OSError as error:
            raise UsageError(
                f"{self.root} has no locks ({error.strerror}), which servers need to share it. Use a disk of this "
                "machine, NFS from version 4 on, or --bucket."
            ) from None
        finally:
            for name in (PROBE, f"{PROBE}.lock"):
                with suppress(OSError):
                    (self.root / SHARED / name).unlink()

    def check_room(self, min_free_mb: int) -> None:
        check_room(self.root, min_free_mb)

    def info(self, key: str) -> ObjectInfo | None:
        try:
            return _info(key, (self.root / key).stat())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._unreadable(error) from error

    def list(self, prefix: str) -> list[ObjectInfo]:
        return list(self._walk(self.root / prefix, prefix))

    def get(self, key: str) -> StoredObject | None:
        try:
            with (self.root / key).open("rb") as file:
                version = _info(key, os.fstat(file.fileno())).version
                return StoredObject(file.read(), version)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._unreadable(error) from error

    def read(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        with (self.root / key).open("rb") as file:
            file.seek(start)
            while start < stop and (piece := file.read(min(PIECE, stop - start))):
                start += len(piece)
                yield piece

    def put(self, key: str, data: bytes) -> str:
        path = self._place(key)
        write_file(path, data)
        found = self.info(key)
        return "" if found is None else found.version

    def put_together(self, prefix: str, files: Mapping[str, bytes]) -> None:
        target = self._place(prefix)
        if not target.exists():
            with scratch_folder(target.parent) as scratch, storing(target.parent):
                (scratch / NEW).mkdir(mode=0o700)
                for name, data in files.items():
                    write_file(scratch / NEW / name, data)
                try:
                    (scratch / NEW).rename(target)
                    sync_folder(target.parent)
                    return
                except OSError as error:
                    if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                        raise
        for name, data in files.items():
            self.put(f"{prefix}/{name}", data)

    def create(self, key: str, data: bytes) -> str | None:
        with self._lock(key):
            return None if (self.root / key).exists() else self.put(key, data)

    def replace(self, key: str, data: bytes, version: str) -> str | None:
        with self._lock(key):
            found = self.info(key)
            return self.put(key, data) if found is not None and found.version == version else None

    def take_in(self, key: str, path: Path) -> None:
        target = self._place(key)
        if path == target:
            return
        with storing(target.parent):
            if path.stat().st_dev == target.parent.stat().st_dev:
                path.chmod(0o600)
                put_in_place(path, target)
                return
            with new_file(target) as handle, path.open("rb") as source, os.fdopen(os.dup(handle), "wb") as copy:
                shutil.copyfileobj(source, copy, PIECE)
            path.unlink()

    def delete(self, key: str) -> None:
        path = self.root / key
        remove(path)
        if "/" in key.partition("/")[2]:
            with suppress(OSError):  # others are in it, or it is gone
                path.parent.rmdir()

    def delete_together(self, prefix: str, names: Sequence[str]) -> None:
        try:
            remove(self.root / prefix)
        except DiskFullError:  # there is no room for the name that it would get meanwhile
            for name in names:
                self.delete(f"{prefix}/{name}")

    def sweep(self, prefix: str) -> None:
        folder = self.root / prefix
        for each in (self.root, folder, self.root / SHARED, *(each for each in _entries(folder) if each.is_dir())):
            sweep(each)
        for each in _entries(folder):
            if each.is_dir() and _is_old(each):
                with suppress(OSError):  # it is not empty, or gone
                    each.rmdir()

    def announce(self, server: str) -> None:
        if server not in self._announced:
            with storing(self.root):
                self._announced[server] = lock_new(self._alive(server))

    def is_gone(self, server: str) -> bool:
        if server in self._announced:
            return False
        try:
            handle = os.open(self._alive(server), os.O_RDWR)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(handle)
        return True

    def withdraw(self, server: str) -> None:
        handle = self._announced.pop(server, None)
        if handle is not None:
            self._alive(server).unlink(missing_ok=True)
            os.close(handle)

    def path(self, key: str) -> Path | None:
        return self.root / key

    def fetch(self, key: str, target: Path) -> Path:
        path = self.root / key
        if not path.exists():
            raise FileNotFoundError(key)
        return path

    def _walk(self, folder: Path, prefix: str) -> Iterator[ObjectInfo]:
        try:
            entries = list(os.scandir(folder))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise self._unreadable(error) from error
        for entry in entries:
            if entry.name.startswith("."):
                continue
            key = f"{prefix}/{entry.name}"
            try:
                if entry.is_dir(follow_symlinks=False):
                    yield from self._walk(folder / entry.name, key)
                elif entry.is_file():
                    yield _info(key, entry.stat())
            except FileNotFoundError:
                continue

    def _alive(self, server: str) -> Path:
        return self.root / SHARED / f"{TEMPORARY}{server}.alive"

    def _place(self, key: str) -> Path:
        path = self.root / key
        with storing(path.parent):
            make_folder(path.parent)
        if not self._marked and key != KEY:
            mark_layout(self)
            self._marked = True
        return path

    @contextmanager
    def _lock(self, key: str) -> Iterator[None]:
        folder = self.root / SHARED
        with storing(self.root):
            make_folder(folder)
            lock = os.open(folder / f"{key.partition('/')[0]}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _unreadable(self, error: OSError) -> StoreError:
        return StoreError(f"{self.root} cannot be read: {error.strerror}. Check --data-dir and its permissions.")


def _entries(folder: Path) -> list[Path]:
    return [each for each in folder.iterdir() if not each.name.startswith(".")] if folder.is_dir() else []


def _is_old(path: Path) -> bool:
    try:
        return path.stat().st_mtime + EMPTY_S < time.time()
    except OSError:
        return False


def _info(key: str, stat: os.stat_result) -> ObjectInfo:
    version = f"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}"
    return ObjectInfo(key, stat.st_size, version, stat.st_mtime)
