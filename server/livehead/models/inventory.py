"""What a models folder holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from livehead.models.pins import Pin
from livehead.models.records import Progress, hash_file, read_records


@dataclass(frozen=True, slots=True)
class Item:
    """One file: its pin, its size here in bytes (None if it is missing), and its state in words."""

    pin: Pin
    size: int | None
    state: str


def take(pins: Sequence[Pin], root: Path) -> Iterator[Item]:
    """Compare names and sizes only."""
    records = read_records(root)
    for pin in pins:
        path = root / pin.local
        partial = path.with_name(path.name + ".partial")
        if path.is_file():
            size = path.stat().st_size
            record = records.get(pin.local.as_posix())
            downloaded = record is not None and record.size == size and record.revision == pin.revision
            yield Item(pin, size, "downloaded" if downloaded else "present, not downloaded by livehead")
        elif partial.is_file():
            yield Item(pin, partial.stat().st_size, "download not finished")
        else:
            yield Item(pin, None, "missing")


def verify(pins: Sequence[Pin], root: Path, progress: Progress) -> Iterator[Item]:
    """Read every file. Its state is ``damaged`` if it is not what was downloaded."""
    records = read_records(root)
    for item in take(pins, root):
        path, pin = root / item.pin.local, item.pin
        if item.size is None or not path.is_file():
            yield item
            continue
        found = hash_file(path, progress)
        record = records.get(pin.local.as_posix())
        if record is not None and found != record.sha256:
            yield Item(pin, item.size, "damaged")
        elif found == pin.sha256 or (record is not None and record.revision == pin.revision):
            yield Item(pin, item.size, "as published")
        elif pin.sha256 is None:
            yield Item(pin, item.size, "present")
        else:
            yield Item(pin, item.size, "not the published file")
