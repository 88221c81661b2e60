"""Small objects that describe things, one each, read again only where they have changed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from livehead.store.objects.base import ObjectInfo, ObjectStore

AT_ONCE = 8
"""Objects that are read at the same time: a bucket takes 20 ms for each."""

Record = TypeVar("Record")

logger = logging.getLogger(__name__)


class Records(Generic[Record]):
    """Those whose key ``is_record`` knows below ``prefix``. ``decode`` gets a key and the data, and raises ValueError;
    what it cannot read is left out, with a line in the log for each version. Blocks; may be used by several threads."""

    def __init__(
        self,
        objects: ObjectStore,
        prefix: str,
        is_record: Callable[[str], bool],
        decode: Callable[[str, bytes], Record],
    ) -> None:
        self._objects = objects
        self._prefix = prefix
        self._is_record = is_record
        self._decode = decode
        self._known: dict[str, tuple[str, Record | None]] = {}
        self._lock = threading.Lock()

    def all(self, listed: list[ObjectInfo] | None = None) -> dict[str, tuple[Record, str]]:
        """Each with its version, by key. ``listed`` is what is there, where that is known. Raises what the storage
        raises."""
        there = self._objects.list(self._prefix) if listed is None else listed
        versions = {each.key: each.version for each in there if self._is_record(each.key)}
        with self._lock:
            changed = [key for key, version in versions.items() if self._known.get(key, ("",))[0] != version]
        if len(changed) > 1:
            with ThreadPoolExecutor(AT_ONCE, "records") as pool:
                list(pool.map(self.get, changed))
        elif changed:
            self.get(changed[0])
        with self._lock:
            self._known = {key: each for key, each in self._known.items() if key in versions}
            return {key: (record, version) for key, (version, record) in self._known.items() if record is not None}

    def get(self, key: str) -> tuple[Record, str] | None:
        """As it is now, with its version. Raises what the storage raises."""
        found = self._objects.get(key)
        if found is None:
            with self._lock:
                self._known.pop(key, None)
            return None
        with self._lock:
            version, record = self._known.get(key, ("", None))
            if version != found.version:
                record = self._read(key, found.data)
                self._known[key] = found.version, record
        return None if record is None else (record, found.version)

    def _read(self, key: str, data: bytes) -> Record | None:
        try:
            return self._decode(key, data)
        except (ValueError, TypeError, KeyError) as error:
            logger.warning("%s is left out: %s", key, error)
            return None
