"""The recordings in a bucket: put there when they are finished, described from their beginning. Everything blocks."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from livehead.store.objects.base import ObjectStore
from livehead.store.objects.records import Records
from livehead.store.objects.served import ServedObject, find_served
from livehead.store.recordings.recording import Recording, decode, encode

FOLDER = "recordings"

SILENT_S = 60.0
"""Whoever records describes it anew every few seconds. Where that stays away for so long, by the clock of whoever
looks, the server is gone, and what it wrote with it, until it is started again."""


class RecordingBucket:
    """Methods raise what the storage raises."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._records = Records(objects, FOLDER, _is_sidecar, lambda _, data: decode(data))
        self._seen: dict[str, tuple[str, float]] = {}

    def all(self) -> dict[str, Recording]:
        """By id. What a server that is gone was recording is ``failed``."""
        now = time.monotonic()
        found = self._records.all()
        ids = {recording.id for recording, _ in found.values()}
        self._seen = {key: each for key, each in self._seen.items() if key in ids}
        return {recording.id: self._as_seen(recording, version, now) for recording, version in found.values()}

    def describe(self, recording: Recording) -> None:
        self._objects.put(_sidecar(recording), encode(recording))

    def publish(self, recording: Recording, path: Path) -> None:
        """Its file first, then that it is there."""
        if recording.state != "failed":
            self._objects.take_in(_file(recording), path)
        self.describe(recording)

    def remove(self, recording: Recording) -> None:
        self._objects.delete(_sidecar(recording))
        self._objects.delete(_file(recording))

    def served(self, recording: Recording) -> ServedObject | None:
        return find_served(self._objects, _file(recording))

    def _as_seen(self, recording: Recording, version: str, now: float) -> Recording:
        if recording.state != "recording":
            return recording
        known, since = self._seen.get(recording.id, ("", now))
        if known != version:
            since = now
            self._seen[recording.id] = version, now
        return replace(recording, state="failed") if now - since > SILENT_S else recording


def _sidecar(recording: Recording) -> str:
    return f"{FOLDER}/{recording.id}.json"


def _file(recording: Recording) -> str:
    return f"{FOLDER}/{recording.file}"


def _is_sidecar(key: str) -> bool:
    return key.endswith(".json") and key.count("/") == 1
