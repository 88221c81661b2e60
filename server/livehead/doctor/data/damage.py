"""What is broken in a data folder, and the place that it is moved to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from livehead.errors import StoreError
from livehead.files.whole import make_folder, storing, sync_folder

LOST = "lost"
"""Folder in the data folder: what is broken is moved there by hand or by ``livehead doctor --data --fix``."""

OLD_S = 3600.0
"""A part that is missing may be written just now, by a server; after so long it is not."""


@dataclass(frozen=True, slots=True)
class Damage:
    """``what`` is wrong, in a few words; ``paths`` are the files and folders that are of no use."""

    what: str
    paths: tuple[Path, ...]


def move_to_lost(root: Path, damages: Iterable[Damage], now: datetime) -> Path:
    """Everything keeps its path below the folder that is returned, one for each time. What is gone meanwhile is no
    error. Raises StoreError and DiskFullError."""
    target = root / LOST / f"{now:%Y%m%d-%H%M%S}"
    for damage in damages:
        for path in damage.paths:
            place = target / path.relative_to(root)
            with storing(root):
                make_folder(place.parent)
                try:
                    path.rename(place)
                except FileNotFoundError:
                    continue
                except FileExistsError as error:
                    raise StoreError(f"{place} is there already. Try again in a second.") from error
                sync_folder(place.parent)
                sync_folder(path.parent)
    return target
