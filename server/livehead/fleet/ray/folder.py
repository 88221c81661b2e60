"""Whether the data folder is the same one on all machines of a fleet."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from livehead.fleet.replica import ReplicaError

PLACE = ".fleet"
"""Below the data folder: a file for each replica that runs."""


class SharedFolder:
    """A replica's mark in the data folder. Its methods write and read files."""

    def __init__(self, data: Path, name: str) -> None:
        self._data = data
        self._mark = data / PLACE / name

    def join(self, others: Iterable[str], node: str) -> None:
        """Leave the mark, and look for those of ``others``, on other machines. Raises ReplicaError for a folder that
        cannot be written, and for one that the others do not write to."""
        try:
            self._mark.parent.mkdir(parents=True, exist_ok=True)
            self._mark.write_text(f"{node}\n")
        except OSError as error:
            raise ReplicaError(
                f"The data folder {self._data} cannot be written on {node}: {error.strerror}. Give its owner's rights "
                "to the user that runs this, or choose another with --data-dir."
            ) from None
        strangers = [name for name in others if not (self._mark.parent / name).exists()]
        if strangers:
            self.leave()
            raise ReplicaError(
                f"The data folder {self._data} on {node} is not that of the other machines: replica {strangers[0]} has "
                "left no mark in it. Mount one folder at this place on all of them, or set LIVEHEAD_BUCKET."
            )

    def leave(self) -> None:
        """Twice is once."""
        with contextlib.suppress(OSError):
            self._mark.unlink(missing_ok=True)
