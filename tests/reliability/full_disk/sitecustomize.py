"""A disk that fills up, for all processes that have this folder in PYTHONPATH; it takes no rights to make it.

While there is a file FULL_DISK, nothing gets onto the disk: fsync fails, as it does where the file system allocates
late (ext4, NFS). While its content is ``told``, the system says that nothing is free, too.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

_FULL = Path(os.environ["FULL_DISK"])
_sync, _sync_data, _usage = os.fsync, os.fdatasync, shutil.disk_usage


def _check() -> None:
    if _FULL.exists():
        raise OSError(errno.ENOSPC, "No space left on device")


def _fsync(handle: Any) -> None:
    _check()
    _sync(handle)


def _fdatasync(handle: Any) -> None:
    _check()
    _sync_data(handle)


def _disk_usage(path: Any) -> Any:
    usage = _usage(path)
    told = _FULL.exists() and _FULL.read_text() == "told"
    return usage._replace(free=0) if told else usage


os.fsync, os.fdatasync, shutil.disk_usage = _fsync, _fdatasync, _disk_usage
