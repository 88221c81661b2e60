"""The folder of the recordings: each is a file, beside a sidecar in JSON. Everything blocks."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import BinaryIO

from livehead.store.files import TEMPORARY, remove, storing, sweep, write_file
from livehead.store.recordings.recording import SUFFIXES, Recording

logger = logging.getLogger(__name__)


class RecordingFolder:
    """Functions raise DiskFullError and StoreError where they cannot write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._locked: list[Path] = []

    def file(self, recording: Recording) -> Path:
        return self.path / recording.file

    def temporary(self, recording: Recording) -> Path:
        """A name for a copy of its file, while that is not whole."""
        return self.path / f"{TEMPORARY}{recording.id}"

    def create(self, recording: Recording) -> BinaryIO:
        """Its new file, to be written to. It is locked as long as it, or a copy of its descriptor, is open: no other
        server takes it for one that was cut short."""
        with storing(self.path):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = open(self.file(recording), "xb", opener=_private)  # noqa: SIM115 - the caller closes it
            fcntl.flock(file, fcntl.LOCK_EX)
        self.note(recording)
        return file

    def note(self, recording: Recording) -> None:
        """Write its sidecar."""
        write_file(self._sidecar(recording), json.dumps(asdict(recording), indent=1).encode())

    def remove(self, recording: Recording) -> None:
        remove(self._sidecar(recording))
        remove(self.file(recording))

    def load(self) -> Iterator[Recording]:
        """All that is there. Of one whose server was killed the state is ``recording``. What nothing refers to is
        removed."""
        if not self.path.is_dir():
            return
        sweep(self.path)
        for sidecar in self.path.glob("*.json"):
            yield from self._read(sidecar)
        for path in self.path.iterdir():
            if path.suffix in SUFFIXES.values() and not path.with_suffix(".json").exists() and not _is_locked(path):
                remove(path)

    def released(self) -> Iterator[Recording]:
        """Those that were still being written when the folder was loaded, and are not any more."""
        locked, self._locked = self._locked, []
        for sidecar in locked:
            if sidecar.exists():
                yield from self._read(sidecar)

    def _sidecar(self, recording: Recording) -> Path:
        return self.path / f"{recording.id}.json"

    def _read(self, sidecar: Path) -> Iterator[Recording]:
        try:
            recording = Recording(**json.loads(sidecar.read_bytes()))
        except (OSError, ValueError, TypeError) as error:
            logger.warning("the recording %s cannot be read: %s", sidecar.name, error)
            return
        path = self.file(recording)
        if recording.state == "recording" and _is_locked(path):
            self._locked.append(sidecar)
        elif path.exists():
            yield replace(recording, bytes=path.stat().st_size)
        elif recording.state == "failed":
            yield recording
        else:
            remove(sidecar)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
