"""How much room there is where files are kept."""

from __future__ import annotations

import shutil
from pathlib import Path

from livehead.errors import DiskFullError


def free_bytes(folder: Path) -> float:
    """On the disk of ``folder``, which need not be there yet; 0 where that cannot be told. Asks the file system."""
    there = next((each for each in (folder, *folder.absolute().parents) if each.exists()), Path("/"))
    try:
        return float(shutil.disk_usage(there).free)
    except OSError:
        return 0.0


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
