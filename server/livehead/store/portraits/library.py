"""The folder of portraits: one folder for each, with its image, its thumbnail and its record."""

from __future__ import annotations

import contextlib
import logging
import re
from pathlib import Path

from pydantic import ValidationError

from livehead.store import files
from livehead.store.portraits.preparation import PreparedPortrait
from livehead.store.portraits.record import ID, PortraitRecord

IMAGE = "portrait.webp"
THUMBNAIL = "thumbnail.webp"
RECORD = "portrait.json"

MAX_RECORD = 64 * 1024
"""Bytes of a record."""

logger = logging.getLogger(__name__)


class PortraitLibrary:
    """``folder`` need not be there yet. With less than ``min_free_mb`` of room on its disk nothing is added. All
    methods block."""

    def __init__(self, folder: Path, min_free_mb: int = 0) -> None:
        self.folder = folder
        self._min_free_mb = min_free_mb

    def load(self) -> list[PortraitRecord]:
        """All portraits, the oldest first. What is broken is left out, with a line in the log; what a server that was
        killed left unfinished is removed."""
        if removed := files.sweep(self.folder):
            logger.info("portraits: %d unfinished ones were removed", removed)
        found = []
        for each in sorted(self.folder.glob("p-*")) if self.folder.is_dir() else ():
            try:
                found.append(self._load(each))
            except (OSError, ValueError) as error:
                logger.warning("portraits: %s is left out: %s", each.name, _reason(error))
        return sorted(found, key=lambda record: record.consent.at)

    def add(self, record: PortraitRecord, portrait: PreparedPortrait) -> None:
        """Keep a portrait; one that is there already gets the new record. Raises DiskFullError and StoreError."""
        self.check_room()
        with contextlib.suppress(FileExistsError), files.new_folder(self.folder / record.id) as folder:
            (folder / IMAGE).write_bytes(portrait.image)
            (folder / THUMBNAIL).write_bytes(portrait.thumbnail)
            (folder / RECORD).write_text(_encode(record))
            return
        self.rewrite(record)

    def rewrite(self, record: PortraitRecord) -> None:
        """Replace the record of a portrait that is there. Raises DiskFullError and StoreError."""
        files.write_file(self.folder / record.id / RECORD, _encode(record).encode())

    def remove(self, portrait: str) -> None:
        """Raises StoreError."""
        files.remove(self.folder / portrait)

    def check_room(self) -> None:
        """Raises DiskFullError where there is not enough for another one."""
        files.check_room(self.folder, self._min_free_mb)

    def image(self, portrait: str) -> Path:
        """Where a portrait's image is."""
        return self.folder / portrait / IMAGE

    def thumbnail(self, portrait: str) -> Path:
        """Where a portrait's thumbnail is."""
        return self.folder / portrait / THUMBNAIL

    def _load(self, folder: Path) -> PortraitRecord:
        """Raises OSError and ValueError."""
        files.sweep(folder)
        with (folder / RECORD).open("rb") as file:
            record = PortraitRecord.model_validate_json(file.read(MAX_RECORD))
        if record.id != folder.name or not re.fullmatch(ID, folder.name):
            raise ValueError(f"its record is of {record.id}")
        for name in (IMAGE, THUMBNAIL):
            if (folder / name).stat().st_size == 0:
                raise ValueError(f"its {name} is empty")
        return record


def _encode(record: PortraitRecord) -> str:
    return record.model_dump_json(indent=1) + "\n"


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, each['loc'])) or RECORD}: {each['msg']}" for each in error.errors())
    return str(error)
