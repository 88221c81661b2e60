"""Weights are read only if they are what was downloaded, or what was published: checked before each start.

Reading all of them to hash them takes many seconds. So what was found sound is noted with its size and its time of
change, in a file beside the record of downloads, and is hashed again only where one of these is another.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from livehead.errors import CheckpointError
from livehead.models.pins import Pin
from livehead.models.records import hash_file, read_records

NAME = "livehead-checked.json"

logger = logging.getLogger(__name__)


def admit(pins: Sequence[Pin], root: Path) -> int:
    """Returns the number of files that were hashed. Raises CheckpointError for a file that is not what was downloaded,
    or that has the size of the published one and other bytes. Files of other sizes are somebody's own, as synthetic
    weights are: they are read, and the log says so. Missing ones are for whoever loads them to miss."""
    records, checked, hashed = read_records(root), _read(root), 0
    for pin in pins:
        path, name = root / pin.local, pin.local.as_posix()
        record = records.get(name)
        if not path.is_file() or (record is None and pin.sha256 is None):
            continue
        wanted = pin.sha256 if record is None or pin.sha256 is not None else record.sha256
        status = path.stat()
        if record is None and status.st_size != pin.size:
            logger.info("%s is not the published file; it is read as it is", path)
            continue
        state = [status.st_size, status.st_mtime_ns, wanted]
        if checked.get(name) == state:
            continue
        logger.info("checking %s", path)
        hashed += 1
        if hash_file(path) != wanted:
            raise CheckpointError(
                f"{path} is not the file that was published: damaged, or changed. Delete it and run "
                f"`livehead models download {pin.variants[0]}`."
            )
        checked[name] = state
    if hashed:
        _write(root, checked)
    return hashed


def _read(root: Path) -> dict[str, Any]:
    """An unreadable file counts as empty: everything is then hashed again."""
    with suppress(OSError, ValueError):
        found = json.loads((root / NAME).read_text())
        if isinstance(found, dict):
            return found
    return {}


def _write(root: Path, checked: dict[str, Any]) -> None:
    partial = root / f"{NAME}.partial"
    try:
        partial.write_text(json.dumps(checked, indent=1, sort_keys=True) + "\n")
        partial.replace(root / NAME)
    except OSError as error:
        logger.info("%s cannot be written (%s): the weights will be hashed at every start", root / NAME, error)
