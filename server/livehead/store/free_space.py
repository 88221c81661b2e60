"""How much room there is where files are kept."""

from __future__ import annotations

import shutil
from pathlib import Path


def free_bytes(folder: Path) -> float:
    """On the disk of ``folder``, which need not be there yet; 0 where that cannot be told. Asks the file system."""
    there = next((each for each in (folder, *folder.absolute().parents) if each.exists()), Path("/"))
    try:
        return float(shutil.disk_usage(there).free)
    except OSError:
        return 0.0
