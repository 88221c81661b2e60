"""An object that is sent to a client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from livehead.store.objects.base import ObjectInfo, ObjectStore


@dataclass(frozen=True, slots=True)
class ServedObject:
    """``path`` is its file on this machine; None where it is only in the storage."""

    info: ObjectInfo
    path: Path | None
    store: ObjectStore

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """See :meth:`ObjectStore.read`. Blocks."""
        return self.store.read(self.info.key, start, stop)


def find_served(objects: ObjectStore, key: str) -> ServedObject | None:
    """None where there is no such object. Blocks."""
    info = objects.info(key)
    return None if info is None else ServedObject(info, objects.path(key), objects)
