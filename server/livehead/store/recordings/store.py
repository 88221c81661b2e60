"""All recordings of a server: films and replay files."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from livehead.core.identity import Identity
from livehead.core.ids import new_id
from livehead.errors import ConflictError, DiskFullError, LiveheadError, NotFoundError
from livehead.media.film.completion import FilmCompletion
from livehead.media.film.wire import FilmOptions
from livehead.settings import StoreSettings
from livehead.store.files import check_room
from livehead.store.recordings.folder import RecordingFolder
from livehead.store.recordings.recording import Recording, RecordingKind, RecordingState

LOOK_S = 5.0
"""How often the store looks at the disk."""

logger = logging.getLogger(__name__)


class RecordingStore:
    """All owners'. Making one reads ``folder``, so make it before the event loop runs.

    What says that it *blocks* is for threads; all else touches no file. As an async context manager it looks after the
    room on the disk, and after what a server that was killed left: that is listed from the start, cut short, and films
    are made complete one after the other.
    """

    def __init__(self, folder: Path, settings: StoreSettings) -> None:
        self._folder = RecordingFolder(folder)
        self._settings = settings
        self._recordings: dict[str, Recording] = {}
        self._left: list[str] = []
        self._full: DiskFullError | None = None
        self._completion = FilmCompletion()
        self._watch: asyncio.Task[None] | None = None
        for recording in self._folder.load():
            self._take(recording)
        self._look()

    async def __aenter__(self) -> Self:
        self._watch = asyncio.create_task(self._watch_disk(), name="recordings")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._watch is not None
        self._watch.cancel()
        self._completion.stop()
        await asyncio.wait([self._watch])

    def list(self, identity: Identity) -> list[Recording]:
        """Those in reach of somebody, the newest first."""
        own = [each for each in self._recordings.values() if each.belongs_to(identity)]
        return sorted(own, key=lambda each: each.started, reverse=True)

    def get(self, recording_id: str, identity: Identity) -> Recording:
        """Raises NotFoundError for one that is not there, or somebody else's."""
        found = self._recordings.get(recording_id)
        if found is None or not found.belongs_to(identity):
            raise NotFoundError("There is no such recording. GET /v1/recordings lists yours.")
        return found

    def file(self, recording: Recording) -> Path:
        """Where its file is, or will be."""
        return self._folder.file(recording)

    def temporary(self, recording: Recording) -> Path:
        """A name beside it for a copy that is not whole yet."""
        return self._folder.temporary(recording)

    def check(self, owner: str) -> None:
        """Raises ConflictError where the owner has as many as may be kept, and DiskFullError."""
        kept = sum(each.owner == owner and each.state != "failed" for each in self._recordings.values())
        if kept >= self._settings.max_films:
            raise ConflictError(
                f"{kept} recordings are kept, and no more may be. Delete one with DELETE /v1/recordings/{{id}}, or "
                "open the session with record=0.",
                problem="too-many-films",
            )
        if self._full is not None:
            raise self._full

    def begin(
        self,
        kind: RecordingKind,
        *,
        session: str,
        avatar: str,
        opened_by: Identity,
        tags: Mapping[str, str] | None = None,
        recording_id: str | None = None,
    ) -> Recording:
        """A new one, which is ``recording`` until :meth:`finish`. Raises what :meth:`check` raises."""
        self.check(opened_by.owner)
        recording = Recording(
            recording_id or new_id(),
            kind,
            session,
            avatar,
            time.time(),
            opened_by.owner,
            opened_by.token,
            tags=dict(tags or {}),
        )
        self._recordings[recording.id] = recording
        return recording

    def open_file(self, recording: Recording) -> BinaryIO:
        """Blocks. See :meth:`RecordingFolder.create`. Raises DiskFullError and StoreError."""
        self.check_room()
        return self._folder.create(recording)

    def check_room(self) -> None:
        """Blocks. Raises DiskFullError."""
        try:
            check_room(self._folder.path, self._settings.min_free_mb)
        except DiskFullError as error:
            self._full = error
            raise
        self._full = None

    def progress(self, recording_id: str, seconds: float) -> None:
        """Blocks. How far it got, for whoever lists it."""
        recording = self._recordings[recording_id]
        size = self._folder.file(recording).stat().st_size
        self._recordings[recording_id] = replace(recording, seconds=round(seconds, 2), bytes=size)

    def checkpoint(self, recording_id: str, seconds: float) -> None:
        """Blocks. Note how far it got, for the case that the server is killed. Raises DiskFullError and StoreError."""
        recording = self._recordings[recording_id] = replace(self._recordings[recording_id], seconds=round(seconds, 2))
        self._folder.note(recording)

    def seal(self, recording_id: str, state: RecordingState, seconds: float) -> None:
        """Blocks. All of it is on the disk: ``state`` is what it will be found in, should the server be killed now.
        Raises DiskFullError and StoreError."""
        recording = self._recordings[recording_id] = replace(self._recordings[recording_id], seconds=round(seconds, 2))
        self._folder.note(replace(recording, state=state))

    def finish(self, recording_id: str, state: RecordingState) -> None:
        """Blocks. Nothing more happens to its file. Of a ``failed`` one nothing is kept but the entry. Raises
        DiskFullError and StoreError."""
        recording = self._recordings[recording_id]
        path = self._folder.file(recording)
        if state == "failed":
            path.unlink(missing_ok=True)
        size = path.stat().st_size if path.exists() else 0
        recording = self._recordings[recording_id] = replace(recording, state=state, bytes=size)
        self._folder.note(recording)

    def end(self, recording_id: str, state: RecordingState, seconds: float) -> None:
        """Blocks. :meth:`seal` and :meth:`finish` in one."""
        self.seal(recording_id, state, seconds)
        self.finish(recording_id, state)

    async def delete(self, recording_id: str, identity: Identity) -> None:
        """Raises NotFoundError, ConflictError while it is recorded, and StoreError."""
        recording = self.get(recording_id, identity)
        if recording.state == "recording":
            raise ConflictError("This is still being recorded. End its session first.", problem="still-recording")
        del self._recordings[recording_id]
        await asyncio.to_thread(self._folder.remove, recording)

    # -- what runs in a thread

    async def _watch_disk(self) -> None:
        while True:
            await asyncio.to_thread(self._look)
            await asyncio.to_thread(self._complete)
            await asyncio.sleep(LOOK_S)

    def _look(self) -> None:
        with suppress(DiskFullError):
            self.check_room()
        for recording in self._folder.released():
            self._take(recording)

    def _take(self, recording: Recording) -> None:
        if recording.state == "recording":
            recording = replace(recording, state="cut-short")
            self._left.append(recording.id)
        self._recordings[recording.id] = recording

    def _complete(self) -> None:
        """What a killed server left. What cannot be done now is left to the next start."""
        while self._left:
            recording = self._recordings.get(self._left.pop())
            if recording is None:
                continue
            state, seconds = recording.state, recording.seconds
            try:
                if recording.kind == "film":
                    file, temporary = self._folder.file(recording), self._folder.temporary(recording)
                    found = self._completion.run(FilmOptions(str(file), str(temporary), None, recording.tags))
                    state, seconds = ("failed", 0.0) if found is None else (state, found)
                if recording.id in self._recordings:
                    self.end(recording.id, state, seconds)
                logger.warning("session %s: its %s was left behind: %s", recording.session, recording.kind, state)
            except (LiveheadError, OSError) as error:
                logger.warning("the recording %s is left as it is: %s", recording.id, error)
