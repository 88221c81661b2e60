"""The table of renders, in sqlite3. Everything blocks, and belongs to one thread."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path

from livehead.errors import DiskFullError, StoreError
from livehead.store.files import storing
from livehead.store.renders.record import OPEN_STATES, RenderRecord, RenderState

VERSION = 1

BUSY_S = 5.0
"""How long another process that has the file open is waited for."""

_SCHEMA = """
CREATE TABLE renders (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    token TEXT,
    avatar TEXT,
    seed INTEGER NOT NULL,
    latency TEXT NOT NULL,
    background TEXT NOT NULL,
    seconds REAL NOT NULL,
    created REAL NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    starts INTEGER NOT NULL,
    error TEXT,
    ended REAL
) STRICT;
CREATE INDEX renders_by_owner ON renders (owner);
CREATE INDEX renders_by_state ON renders (state);
"""

_COLUMNS = tuple(field.name for field in fields(RenderRecord))


class RenderTable:
    """What is written is on the disk when a method returns. A state is only ever changed from one that allows it, so
    that of two who want to end a render only the first does. Raises StoreError and DiskFullError."""

    def __init__(self, path: Path) -> None:
        """Opens the file, and makes it where there is none."""
        self._path = path
        with storing(path.parent):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._storing():
            self._db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, VERSION):
                raise StoreError(f"{path} was written by another version of Livehead. Move it away, or use that one.")
            if version == 0:
                self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")

    def close(self) -> None:
        self._db.close()

    def add(self, record: RenderRecord) -> RenderRecord:
        """Returns it with its number."""
        values = {name: value for name, value in asdict(record).items() if name != "number"}
        marks = ", ".join(f":{name}" for name in values)
        with self._storing():
            self._db.execute(f"INSERT INTO renders ({', '.join(values)}) VALUES ({marks})", values)
        found = self.get(record.id)
        assert found is not None
        return found

    def get(self, render_id: str) -> RenderRecord | None:
        return next(iter(self._select("id = ?", render_id)), None)

    def of_owner(self, owner: str) -> list[RenderRecord]:
        """In the order in which they came."""
        return self._select("owner = ?", owner)

    def open(self) -> list[RenderRecord]:
        """Those that wait or run, in the order in which they came."""
        return self._select("state IN (?, ?)", *OPEN_STATES)

    def all(self) -> list[RenderRecord]:
        return self._select("1")

    def begin(self, render_id: str) -> bool:
        """A queued one runs from now on. False where it is not queued any more."""
        return self._change("state = 'running', starts = starts + 1", "id = ? AND state = 'queued'", render_id)

    def begin_again(self, render_id: str) -> bool:
        """A running one begins anew. False where it does not run any more."""
        return self._change("starts = starts + 1", "id = ? AND state = 'running'", render_id)

    def put_back(self, render_id: str) -> bool:
        """A running one waits again, as if it had not begun."""
        return self._change("state = 'queued', starts = starts - 1", "id = ? AND state = 'running'", render_id)

    def requeue(self) -> int:
        """Those that ran when their server ended wait again; returns how many."""
        with self._storing():
            return self._db.execute("UPDATE renders SET state = 'queued' WHERE state = 'running'").rowcount

    def end(self, render_id: str, state: RenderState, error: str | None = None) -> bool:
        """False where it had ended already."""
        return self._change(
            "state = ?, error = ?, ended = ?",
            "id = ? AND state IN ('queued', 'running')",
            *(state, error, time.time(), render_id),
        )

    def forget(self, render_id: str) -> None:
        with self._storing():
            self._db.execute("DELETE FROM renders WHERE id = ?", (render_id,))

    def _select(self, where: str, *values: object) -> list[RenderRecord]:
        with self._storing():
            rows: Sequence[sqlite3.Row] = self._db.execute(
                f"SELECT {', '.join(_COLUMNS)} FROM renders WHERE {where} ORDER BY number", values
            ).fetchall()
        return [RenderRecord(**dict(row)) for row in rows]

    def _change(self, what: str, where: str, *values: object) -> bool:
        with self._storing():
            return self._db.execute(f"UPDATE renders SET {what} WHERE {where}", values).rowcount > 0

    @contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise DiskFullError(f"There is no room left on the disk of {self._path.parent}.") from error
            raise StoreError(f"{self._path} cannot be used: {error}. Check --data-dir and its permissions.") from error
