"""The portraits in the storage: each has its image, its thumbnail and its record below ``portraits/ID/``."""

from __future__ import annotations

import logging
import re
import time

from pydantic import ValidationError

from livehead.store.objects.base import ObjectStore
from livehead.store.objects.records import Records
from livehead.store.portraits.preparation import PreparedPortrait
from livehead.store.portraits.record import ID, PortraitRecord

FOLDER = "portraits"

IMAGE = "portrait.webp"
THUMBNAIL = "thumbnail.webp"
RECORD = "portrait.json"

ORPHAN_S = 3600.0
"""An image without a record is of a server that was killed, or that has not written the record yet."""

MAX_RECORD = 64 * 1024
"""Bytes of a record."""

logger = logging.getLogger(__name__)


class PortraitLibrary:
    """With less than ``min_free_mb`` of room on its disk nothing is added. What is read again has changed: servers that
    share the storage see each other's at once. All methods block, and raise StoreError."""

    def __init__(self, objects: ObjectStore, min_free_mb: int = 0) -> None:
        self._objects = objects
        self._min_free_mb = min_free_mb
        self._records = Records(objects, FOLDER, _is_record, _decode)
        self._said: set[str] = set()

    def load(self) -> list[PortraitRecord]:
        """All portraits, the oldest first. What is broken is left out, with a line in the log."""
        listed = self._objects.list(FOLDER)
        there = {each.key for each in listed if each.size}
        found = []
        for record, _ in self._records.all(listed).values():
            broken = next((name for name in (IMAGE, THUMBNAIL) if _key(record.id, name) not in there), None)
            if broken is None:
                found.append(record)
            elif record.id not in self._said:
                self._said.add(record.id)
                logger.warning("portraits: %s is left out: its %s is missing or empty", record.id, broken)
        return sorted(found, key=lambda record: record.consent.at)

    def sweep(self) -> None:
        """Remove what servers that were killed left unfinished: half written, or half removed."""
        self._objects.sweep(FOLDER)
        listed = self._objects.list(FOLDER)
        described = {each.key.rpartition("/")[0] for each in listed if each.key.endswith(f"/{RECORD}")}
        for each in listed:
            folder, _, name = each.key.rpartition("/")
            orphan = name in (IMAGE, THUMBNAIL) and folder not in described
            if orphan and each.modified + ORPHAN_S < time.time() and self._objects.info(f"{folder}/{RECORD}") is None:
                self._objects.delete(each.key)

    def get(self, portrait: str) -> PortraitRecord | None:
        """As it is now."""
        if not re.fullmatch(ID, portrait):
            return None
        found = self._records.get(_key(portrait, RECORD))
        return None if found is None else found[0]

    def add(self, record: PortraitRecord, portrait: PreparedPortrait) -> None:
        """Keep a portrait. Raises DiskFullError."""
        self.check_room()
        files = {IMAGE: portrait.image, THUMBNAIL: portrait.thumbnail, RECORD: _encode(record)}
        self._objects.put_together(f"{FOLDER}/{record.id}", files)

    def rewrite(self, record: PortraitRecord) -> bool:
        """Replace the record of a portrait that is there; False where it is not, any more. Raises DiskFullError."""
        key = _key(record.id, RECORD)
        while (found := self._objects.get(key)) is not None:
            if self._objects.replace(key, _encode(record), found.version) is not None:
                return True
        return False

    def remove(self, portrait: str) -> None:
        self._objects.delete_together(f"{FOLDER}/{portrait}", (RECORD, THUMBNAIL, IMAGE))

    def check_room(self) -> None:
        """Raises DiskFullError where there is not enough for another one."""
        self._objects.check_room(self._min_free_mb)

    def read(self, portrait: str, name: str) -> bytes | None:
        """Its :data:`IMAGE` or :data:`THUMBNAIL`, None where it was deleted."""
        found = self._objects.get(_key(portrait, name))
        return None if found is None else found.data


def _key(portrait: str, name: str) -> str:
    return f"{FOLDER}/{portrait}/{name}"


def _is_record(key: str) -> bool:
    return key.startswith(f"{FOLDER}/p-") and key.endswith(f"/{RECORD}")


def _decode(key: str, data: bytes) -> PortraitRecord:
    """Raises ValueError."""
    if len(data) > MAX_RECORD:
        raise ValueError(f"it has more than {MAX_RECORD} bytes")
    try:
        record = PortraitRecord.model_validate_json(data)
    except ValidationError as error:
        reasons = (f"{'.'.join(map(str, each['loc'])) or RECORD}: {each['msg']}" for each in error.errors())
        raise ValueError("; ".join(reasons)) from None
    if key != _key(record.id, RECORD):
        raise ValueError(f"its record is of {record.id}")
    return record


def _encode(record: PortraitRecord) -> bytes:
    return f"{record.model_dump_json(indent=1)}\n".encode()
