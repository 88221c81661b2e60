"""The table of renders that versions before 0.2 kept in sqlite3, taken over once."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from livehead.errors import StoreError, UnavailableError
from livehead.files.locks import turn
from livehead.files.whole import TEMPORARY, make_folder, storing
from livehead.store.renders.record import RenderRecord

TABLE = "queue.sqlite3"
LOCK = "lock"
"""A server of such a version holds it alone; those of newer ones hold it together."""

VERSION = 1

TAKEN_OVER = ".taken-over"

_COLUMNS = (
    *("number", "id", "owner", "token", "avatar", "seed", "latency", "background", "seconds", "created"),
    *("state", "starts", "error", "ended"),
)


def hold_lock(folder: Path) -> int:
    """Keep servers of such versions out as long as the descriptor is open. Raises UnavailableError where one is at
    work, and StoreError."""
    with storing(folder):
        make_folder(folder)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise UnavailableError(
                f"A server of an older version makes the renders of {folder}. End it first, or give this one a "
                "--data-dir of its own.",
                problem="renders-elsewhere",
            ) from None
    return lock


def read_table(path: Path) -> list[RenderRecord]:
    """What is in it; what ran waits again. Raises StoreError."""
    try:
        with closing(sqlite3.connect(path, timeout=5.0)) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, VERSION):
                raise StoreError(f"{path} was written by another version of Livehead. Move it away, or use that one.")
            if version == 0:
                return []
            rows = db.execute(f"SELECT {', '.join(_COLUMNS)} FROM renders ORDER BY number").fetchall()
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be used: {error}. Move it away; its renders are lost.") from error
    records = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
    for each in records:
        each["state"] = "queued" if each["state"] == "running" else each["state"]
    return [RenderRecord(**each) for each in records]


def take_over(folder: Path, keep: Callable[[RenderRecord], object]) -> int:
    """Hand all records to ``keep``, and put the table aside; returns how many. One server at a time does. Raises
    StoreError, and what ``keep`` raises."""
    table = folder / TABLE
    if not table.exists():
        return 0
    with turn(folder / f"{TEMPORARY}{TABLE}.lock"):
        records = read_table(table) if table.exists() else []
        for record in records:
            keep(record)
        with storing(folder):
            for name in (TABLE, f"{TABLE}-wal", f"{TABLE}-shm"):
                if (folder / name).exists():
                    (folder / name).replace(folder / f"{name}{TAKEN_OVER}")
        return len(records)
