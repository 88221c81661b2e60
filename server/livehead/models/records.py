"""The record of what was downloaded into a models folder: a JSON file in it, to verify the files later."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "livehead-downloads.json"

_CHUNK = 1 << 22

Progress = Callable[[int], None]
"""Called with the number of bytes just read."""


@dataclass(frozen=True, slots=True)
class Record:
    """A finished download."""

    repo: str
    revision: str
    size: int
    sha256: str


def read_records(root: Path) -> dict[str, Record]:
    """By path below ``root``. An unreadable file counts as empty: everything is then checked again."""
    try:
        return {path: Record(**entry) for path, entry in json.loads((root / NAME).read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def write_record(root: Path, path: Path, record: Record) -> None:
    records = read_records(root) | {path.as_posix(): record}
    partial = root / (NAME + ".partial")
    partial.write_text(json.dumps({name: asdict(entry) for name, entry in sorted(records.items())}, indent=2) + "\n")
    partial.replace(root / NAME)


def hash_file(path: Path, progress: Progress = lambda count: None) -> str:
    """SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            progress(len(chunk))
    return digest.hexdigest()


def hash_blob(path: Path) -> str:
    """Git's blob hash of a file's content: the hub's ETag of small files."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
