"""Which layout a storage has: a number in an object at its top, so that a server leaves alone what a newer one made.

Servers before 0.3 wrote none; what they have left is read as it is.
"""

from __future__ import annotations

from livehead.errors import StoreError, UsageError
from livehead.store.objects.base import ObjectStore

KEY = "layout"

LAYOUT = 2
"""It rises with changes that an older server would make a mess of; what it may read past does not count."""


def encode_layout() -> bytes:
    return b"%d\n" % LAYOUT


def read_layout(objects: ObjectStore) -> int | None:
    """None where it says nothing. Raises StoreError."""
    found = objects.get(KEY)
    if found is None:
        return None
    try:
        return int(found.data[:20])
    except ValueError:
        raise StoreError(
            f"{KEY} in {objects.describe()} is no number. Restore it from a backup, or remove it if the storage was "
            "written by this version or an older one."
        ) from None


def check_layout(objects: ObjectStore) -> None:
    """Raises UsageError for a storage that a newer version has written."""
    try:
        found = read_layout(objects)
    except StoreError as error:
        raise UsageError(str(error)) from None
    if found is not None and found > LAYOUT:
        raise UsageError(
            f"{objects.describe()[:1].upper()}{objects.describe()[1:]} has layout {found}, and this version knows "
            f"{LAYOUT} at most: a newer version of Livehead wrote it. Use that version, or another place."
        )


def mark_layout(objects: ObjectStore) -> None:
    """Say that it has this one, where it does not. Raises StoreError."""
    found = read_layout(objects)
    if found is None or found < LAYOUT:
        objects.put(KEY, encode_layout())
