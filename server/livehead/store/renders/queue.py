"""The queue of renders, on disk: what is asked for outlives the server.

``queue.sqlite3`` lists all renders; each has a folder of its name with its audio, the portrait that came with it, and
in the end its film. One thread does all that touches the table; no method waits for the disk on the event loop.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from livehead.errors import LiveheadError, StoreError, UnavailableError
from livehead.store.files import check_room, remove, storing, sweep
from livehead.store.renders.record import RenderRecord, RenderState
from livehead.store.renders.table import RenderTable

TABLE = "queue.sqlite3"
LOCK = "lock"

AUDIO = "audio.wav"
PORTRAIT = "portrait.webp"
FILM = "film.mp4"

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


class RenderQueue:
    """An async context manager. Nothing is written, and no folder made, before the first render is asked for.

    One server at a time has a folder. What cannot be opened when the server starts, or belongs to another one, is
    said in the log, and by every method as an error.
    """

    def __init__(self, folder: Path, *, min_free_mb: int, kept_s: float) -> None:
        """``kept_s`` is how long a render is kept after its end, in seconds."""
        self.folder = folder
        self.kept_s = kept_s
        self._min_free_mb = min_free_mb
        self._thread = ThreadPoolExecutor(1, "renders")
        self._table: RenderTable | None = None
        self._lock: int | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._run(self._open_known)
        except LiveheadError as error:
            logger.error("renders are not to be had: %s", error)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._run(self._close)
        self._thread.shutdown(wait=False)

    def file(self, render_id: str, name: str) -> Path:
        """Where a render's :data:`AUDIO`, :data:`PORTRAIT` or :data:`FILM` is, or will be."""
        return self.folder / render_id / name

    def expires(self, record: RenderRecord) -> float | None:
        """When it is forgotten, in Unix time; None before its end."""
        return None if record.ended is None else record.ended + self.kept_s

    async def check_room(self) -> None:
        """Raises DiskFullError."""
        await self._run(self.check_room_now)

    def check_room_now(self) -> None:
        """The same for a thread. Blocks."""
        check_room(self.folder, self._min_free_mb)

    async def prepare(self) -> None:
        """Open the table, and make the folder where there is none. Raises StoreError, and UnavailableError where the
        folder is another server's."""
        await self._run(self._opened)

    async def add(self, record: RenderRecord) -> RenderRecord:
        """Its folder is there already. Returns it with its number. Raises StoreError and DiskFullError, as all do."""
        return await self._run(lambda: self._opened().add(record))

    async def get(self, render_id: str) -> RenderRecord | None:
        return await self._read(lambda table: table.get(render_id), None)

    async def of_owner(self, owner: str) -> list[RenderRecord]:
        """In the order in which they came."""
        return await self._read(lambda table: table.of_owner(owner), [])

    async def open(self) -> list[RenderRecord]:
        """Those that wait or run, in the order in which they came."""
        return await self._read(lambda table: table.open(), [])

    async def begin(self, render_id: str) -> bool:
        """See :meth:`RenderTable.begin`."""
        return await self._run(lambda: self._opened().begin(render_id))

    async def begin_again(self, render_id: str) -> bool:
        """See :meth:`RenderTable.begin_again`."""
        return await self._run(lambda: self._opened().begin_again(render_id))

    async def put_back(self, render_id: str) -> None:
        """See :meth:`RenderTable.put_back`."""
        await self._run(lambda: self._opened().put_back(render_id))

    async def end(self, render_id: str, state: RenderState, error: str | None = None) -> bool:
        """Note its end, and remove the files that nobody needs any more. False where it had ended already."""
        return await self._run(lambda: self._end(render_id, state, error))

    async def forget(self, render_id: str) -> None:
        """Remove it and its files."""
        await self._run(lambda: self._forget(render_id))

    async def sweep(self) -> None:
        """Forget those that were kept long enough."""
        await self._read(self._sweep_old, None)

    # -- in the thread

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _read(self, work: Callable[[RenderTable], Result], nothing: Result) -> Result:
        """``nothing`` where nothing was ever asked for."""

        def read() -> Result:
            if self._table is None and not (self.folder / TABLE).exists():
                return nothing
            return work(self._opened())

        return await self._run(read)

    def _open_known(self) -> None:
        if (self.folder / TABLE).exists():
            self._opened()

    def _opened(self) -> RenderTable:
        if self._table is None:
            with storing(self.folder):
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                self._take(lock)
                self._table = RenderTable(self.folder / TABLE)
                self._restore(self._table)
            except BaseException:
                os.close(lock)
                raise
            self._lock = lock
        return self._table

    def _take(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnavailableError(
                f"Another server makes the renders of {self.folder}. Give this one a --data-dir of its own.",
                problem="renders-elsewhere",
            ) from None

    def _restore(self, table: RenderTable) -> None:
        """Make good what a server that was killed has left."""
        again = table.requeue()
        records = {record.id: record for record in table.all()}
        sweep(self.folder)
        for path in self.folder.iterdir():
            if path.is_dir() and path.name not in records:
                remove(path)
        for record in records.values():
            if record.is_open and not self.file(record.id, AUDIO).exists():
                self._end(record.id, "failed", "Its files are not there any more.", table)
            elif not record.is_open:
                self._tidy(record.id, record.state)
        if again:
            logger.info("%d renders that were under way begin again", again)

    def _end(self, render_id: str, state: RenderState, error: str | None, table: RenderTable | None = None) -> bool:
        ended = (table or self._opened()).end(render_id, state, error)
        if ended:
            self._tidy(render_id, state)
        return ended

    def _tidy(self, render_id: str, state: RenderState) -> None:
        """Of one that ended well the film is kept, of others nothing."""
        if state != "done":
            remove(self.folder / render_id)
            return
        for name in (AUDIO, PORTRAIT):
            remove(self.file(render_id, name))

    def _forget(self, render_id: str) -> None:
        self._opened().forget(render_id)
        remove(self.folder / render_id)

    def _sweep_old(self, table: RenderTable) -> None:
        for record in table.all():
            if record.ended is not None and record.ended + self.kept_s < time.time():
                self._forget(record.id)

    def _close(self) -> None:
        if self._table is not None:
            with suppress(StoreError):
                self._table.close()
            self._table = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
