"""All recordings of a server: films and replay files."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from livehead.core.identity import Identity
from livehead.core.ids import new_id
from livehead.errors import ConflictError, DiskFullError, LiveheadError, NotFoundError, StoreError
from livehead.files.room import check_room
from livehead.media.film.completion import FilmCompletion
from livehead.media.film.wire import FilmOptions
from livehead.settings import StoreSettings
from livehead.store.objects.folder import FolderStore
from livehead.store.objects.served import ServedObject, find_served
from livehead.store.objects.threads import StorageThreads
from livehead.store.recordings.bucket import RecordingBucket
from livehead.store.recordings.folder import RecordingFolder
from livehead.store.recordings.recording import Recording, RecordingKind, RecordingState

LOOK_S = 5.0
"""How often the store looks at the disk."""

SWEEP_S = 60.0
"""How often it looks for what servers that were killed have left."""

_UNKEPT = (DiskFullError, StoreError)

logger = logging.getLogger(__name__)


class RecordingStore:
    """All owners'. Making one reads ``folder``, so make it before the event loop runs.

    Recordings are written to ``folder``, which several servers may share; with a ``bucket`` they are moved there when
    they are finished, and ``folder`` is this server's own. What says that it *blocks* is for threads; what is no
    coroutine and does not block touches no file, and knows what :meth:`refresh` found last.

    As an async context manager it looks after the room on the disk, and after what a server that was killed left: that
    is listed as cut short, and films are made complete one after the other, by one of the servers.
    """

    def __init__(
        self,
        folder: Path,
        settings: StoreSettings,
        bucket: RecordingBucket | None = None,
        threads: StorageThreads | None = None,
    ) -> None:
        self._folder = RecordingFolder(folder)
        self._bucket = bucket
        self._settings = settings
        self._threads = threads or StorageThreads()
        self._recordings: dict[str, Recording] = {}
        self._own: dict[str, Recording] = {}
        self._ended: dict[str, Recording] = {}
        self._unnoted: dict[str, Recording] = {}
        self._failed_to_complete: set[str] = set()
        self._lock = threading.Lock()
        self._refreshing = threading.Lock()
        self._full: DiskFullError | None = None
        self._completion = FilmCompletion()
        self._watch: asyncio.Task[None] | None = None
        self._folder.sweep()
        self._swept = time.monotonic()
        self._left = self._find_left()
        self.refresh()
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

    async def listed(self, identity: Identity) -> list[Recording]:
        """:meth:`list`, of what is there now. Raises StoreError."""
        await self._threads.run(self.refresh)
        return self.list(identity)

    async def find(self, recording_id: str, identity: Identity) -> Recording:
        """:meth:`get`, of what is there now. Raises StoreError."""
        await self._threads.run(self.refresh)
        return self.get(recording_id, identity)

    async def served(self, recording: Recording) -> ServedObject | None:
        """Its file, None where there is none. Raises StoreError."""
        return await self._threads.run(self._served, recording)

    def refresh(self) -> None:
        """Look what is there, which other servers may have changed. Blocks. Raises StoreError."""
        with self._refreshing:
            ended = set(self._ended)
            found = {} if self._bucket is None else self._bucket.all()
            found |= self._folder.all()
            with self._lock:
                for each in ended:  # before what was found
                    self._ended.pop(each, None)
                self._recordings = found | self._ended | self._unnoted | self._own

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

    @property
    def full(self) -> bool:
        """Whether there was no room on the disk at the last look."""
        return self._full is not None or bool(self._unnoted)

    def check(self, owner: str) -> None:
        """Raises ConflictError where the owner has as many as may be kept, and DiskFullError."""
        self._check_number(owner, self._settings.max_films - 1)
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
        self._put(recording)
        return recording

    def open_file(self, recording: Recording) -> BinaryIO:
        """Blocks. See :meth:`RecordingFolder.create`. Raises DiskFullError, StoreError, and ConflictError where other
        servers began so many at the same time that this is one too many."""
        self.check_room()
        file = self._folder.create(recording)
        self._attempt(self._describe, recording)
        self._attempt(self.refresh)
        try:
            self._check_number(recording.owner, self._settings.max_films)
        except ConflictError:
            file.close()
            raise
        return file

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
        recording = self._known(recording_id)
        size = self._folder.file(recording).stat().st_size
        self._put(replace(recording, seconds=round(seconds, 2), bytes=size))

    def checkpoint(self, recording_id: str, seconds: float) -> None:
        """Blocks. Note how far it got, for the case that the server is killed. Raises DiskFullError and StoreError."""
        self._folder.note(self._put(replace(self._known(recording_id), seconds=round(seconds, 2))))

    def seal(self, recording_id: str, state: RecordingState, seconds: float) -> None:
        """Blocks. All of it is on the disk: ``state`` is what it will be found in, should the server be killed now.
        Raises DiskFullError and StoreError."""
        recording = self._put(replace(self._known(recording_id), seconds=round(seconds, 2)))
        self._folder.note(replace(recording, state=state))

    def finish(self, recording_id: str, state: RecordingState) -> None:
        """Blocks. Nothing more happens to its file. Of a ``failed`` one nothing is kept but the entry. Raises
        DiskFullError and StoreError; what could not be noted is known all the same, and noted when it can be."""
        recording = self._known(recording_id)
        path = self._folder.file(recording)
        if state == "failed":
            path.unlink(missing_ok=True)
        size = path.stat().st_size if path.exists() else 0
        recording = replace(recording, state=state, bytes=size)
        try:
            self._folder.note(recording)
        except _UNKEPT:
            self._unnoted[recording_id] = recording
            raise
        finally:
            with self._lock:
                self._own.pop(recording_id, None)
                self._ended[recording_id] = self._recordings[recording_id] = recording
        self._attempt(self._publish, recording)

    def end(self, recording_id: str, state: RecordingState, seconds: float) -> None:
        """Blocks. :meth:`seal` and :meth:`finish` in one."""
        try:
            self.seal(recording_id, state, seconds)
        finally:
            self.finish(recording_id, state)

    async def delete(self, recording_id: str, identity: Identity) -> None:
        """Raises NotFoundError, ConflictError while it is recorded, and StoreError."""
        recording = await self.find(recording_id, identity)
        if recording.state == "recording":
            raise ConflictError("This is still being recorded. End its session first.", problem="still-recording")
        await self._threads.run(self._remove, recording)
        self._unnoted.pop(recording_id, None)
        self._recordings.pop(recording_id, None)

    def _check_number(self, owner: str, most: int) -> None:
        kept = sum(each.owner == owner and each.state != "failed" for each in list(self._recordings.values()))
        if kept > most:
            raise ConflictError(
                f"{self._settings.max_films} recordings are kept, and no more may be. Delete one with DELETE "
                "/v1/recordings/{id}, or open the session with record=0.",
                problem="too-many-films",
            )

    def _known(self, recording_id: str) -> Recording:
        return self._own.get(recording_id) or self._recordings[recording_id]

    def _put(self, recording: Recording) -> Recording:
        """One that this server makes."""
        with self._lock:
            self._own[recording.id] = self._recordings[recording.id] = recording
        return recording

    # -- what runs in a thread

    async def _watch_disk(self) -> None:
        while True:
            await asyncio.to_thread(self._look)
            await asyncio.to_thread(self._attempt, self._complete)
            await asyncio.sleep(LOOK_S)

    def _look(self) -> None:
        with suppress(DiskFullError):
            self.check_room()
        self._attempt(self._note_again)
        if time.monotonic() > self._swept + SWEEP_S:
            self._swept = time.monotonic()
            self._attempt(self._folder.sweep)
        self._attempt(self.refresh)
        if self._bucket is not None:
            for recording in list(self._own.values()):
                if recording.bytes:
                    self._attempt(self._describe, recording)
            for recording in self._folder.all().values():
                if recording.id not in self._own and recording.state not in ("recording", "cut-short"):
                    self._attempt(self._publish, recording)

    def _note_again(self) -> None:
        """What ended while the disk was full."""
        for recording_id, recording in list(self._unnoted.items()):
            self._folder.note(recording)
            self._unnoted.pop(recording_id, None)
            self._attempt(self._publish, recording)

    def _complete(self) -> None:
        """What a killed server left. What cannot be done now is left to the next start."""
        before, self._left = self._left, self._find_left()
        due = [recording for recording_id, recording in self._left.items() if recording_id in before]
        if not due:
            return
        with self._folder.completing() as is_ours:
            for recording in due:
                if is_ours and self._is_left(recording):
                    self._complete_one(recording)

    def _find_left(self) -> dict[str, Recording]:
        """One that ends just now, at another server, looks like that for a moment: twice is certain."""
        there = self._folder.all().values()
        return {each.id: each for each in there if each.state == "cut-short" and self._is_left(each)}

    def _is_left(self, recording: Recording) -> bool:
        tried = any(recording.id in each for each in (self._failed_to_complete, self._own, self._unnoted))
        return not tried and self._folder.is_left(recording)

    def _complete_one(self, recording: Recording) -> None:
        state, seconds = recording.state, recording.seconds
        try:
            if recording.kind == "film":
                file, temporary = self._folder.file(recording), self._folder.temporary(recording)
                found = self._completion.run(FilmOptions(str(file), str(temporary), None, recording.tags))
                state, seconds = ("failed", 0.0) if found is None else (state, found)
            if self._folder.is_left(recording):
                self._put(recording)
                self.end(recording.id, state, seconds)
            logger.warning("session %s: its %s was left behind: %s", recording.session, recording.kind, state)
        except DiskFullError as error:
            logger.warning("the recording %s waits for room: %s", recording.id, error)
        except (LiveheadError, OSError) as error:
            self._failed_to_complete.add(recording.id)
            logger.warning("the recording %s is left as it is: %s", recording.id, error)

    def _describe(self, recording: Recording) -> None:
        if self._bucket is not None:
            self._bucket.describe(recording)

    def _publish(self, recording: Recording) -> None:
        """To the bucket, and away from here."""
        if self._bucket is not None:
            self._bucket.publish(recording, self._folder.file(recording))
            self._folder.remove(recording)

    def _remove(self, recording: Recording) -> None:
        self._folder.remove(recording)
        if self._bucket is not None:
            self._bucket.remove(recording)

    def _served(self, recording: Recording) -> ServedObject | None:
        path = self._folder.file(recording)
        if self._bucket is not None and not path.exists():
            return self._bucket.served(recording)
        return find_served(FolderStore(path.parent), path.name)

    def _attempt(self, step: Callable[..., None], *given: Recording) -> None:
        """What is tried again at the next look where it fails."""
        try:
            step(*given)
        except _UNKEPT as error:
            logger.warning("recordings: %s", error)
