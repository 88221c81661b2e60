"""The folder of the recordings: each is a file, beside a sidecar in JSON. Everything blocks.

Several servers may have the folder at once. What one of them is writing is locked.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from livehead.files.locks import is_locked, turn
from livehead.files.whole import TEMPORARY, make_folder, remove, storing, sweep, write_file
from livehead.store.layout import mark_layout
from livehead.store.objects.folder import FolderStore
from livehead.store.objects.records import Records
from livehead.store.recordings.recording import SUFFIXES, Recording, decode, encode

YOUNG_S = 60.0
"""A file, or a sidecar, without the other may be so old before it is taken for what a killed server has left."""


class RecordingFolder:
    """Functions raise DiskFullError and StoreError where they cannot write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._objects = FolderStore(path.parent)
        self._records = Records(self._objects, path.name, _is_sidecar, lambda _, data: decode(data))

    def file(self, recording: Recording) -> Path:
        return self.path / recording.file

    def temporary(self, recording: Recording) -> Path:
        """A name for a copy of its file, while that is not whole."""
        return self.path / f"{TEMPORARY}{recording.id}"

    def create(self, recording: Recording) -> BinaryIO:
        """Its new file, to be written to. It is locked as long as it, or a copy of its descriptor, is open: no other
        server takes it for one that was cut short."""
        mark_layout(self._objects)
        with storing(self.path):
            make_folder(self.path)
            file = open(self.file(recording), "xb", opener=_private)  # noqa: SIM115 - the caller closes it
            fcntl.flock(file, fcntl.LOCK_EX)
        try:
            self.note(recording)
        except BaseException:
            self.file(recording).unlink(missing_ok=True)
            file.close()
            raise
        return file

    def note(self, recording: Recording) -> None:
        """Write its sidecar."""
        with storing(self.path):
            make_folder(self.path)
        write_file(self._sidecar(recording.id), encode(recording))

    def remove(self, recording: Recording) -> None:
        remove(self._sidecar(recording.id))
        remove(self.file(recording))

    def all(self) -> dict[str, Recording]:
        """All that is there, by id. What a server that was killed was writing is ``cut-short``."""
        found = (self._as_seen(recording) for recording, _ in self._records.all().values())
        return {recording.id: recording for recording in found if recording is not None}

    def is_left(self, recording: Recording) -> bool:
        """Whether it was being written, and nobody does any more."""
        found = self._records.get(f"{self.path.name}/{recording.id}.json")
        return found is not None and found[0].state == "recording" and not is_locked(self.file(recording))

    @contextmanager
    def completing(self) -> Iterator[bool]:
        """One server at a time completes what was left; the block gets whether it is this one. Raises DiskFullError and
        StoreError."""
        with storing(self.path), turn(self.path / f"{TEMPORARY}completing", wait=False) as is_ours:
            yield is_ours

    def sweep(self) -> None:
        """Remove what nothing refers to."""
        if not self.path.is_dir():
            return
        sweep(self.path)
        for path in self.path.iterdir():
            if path.name.startswith(".") or not _is_old(path):
                continue
            if path.suffix in SUFFIXES.values():
                if not path.with_suffix(".json").exists() and not is_locked(path):
                    remove(path)
            elif path.suffix == ".json":
                found = self._records.get(f"{self.path.name}/{path.name}")
                if found is not None and found[0].state != "failed" and not self.file(found[0]).exists():
                    remove(path)

    def _sidecar(self, recording_id: str) -> Path:
        return self.path / f"{recording_id}.json"

    def _as_seen(self, recording: Recording) -> Recording | None:
        path = self.file(recording)
        try:
            size = path.stat().st_size
        except OSError:
            young = recording.state == "recording" and not _is_old(self._sidecar(recording.id))
            return recording if young or recording.state == "failed" else None
        if recording.state == "recording" and not is_locked(path):
            recording = replace(recording, state="cut-short")
        return replace(recording, bytes=size)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _is_sidecar(key: str) -> bool:
    return key.endswith(".json") and key.count("/") == 1


def _is_old(path: Path) -> bool:
    try:
        return path.stat().st_mtime + YOUNG_S < time.time()
    except OSError:
        return False
