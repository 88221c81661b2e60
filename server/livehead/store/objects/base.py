"""Storage that several servers may share: objects by key, each there whole or not at all.

A key is a path of names with ``/`` between them, as ``renders/queue/ID.json``. What one server has written, all see
from then on. Everything blocks: call it from a thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """``size`` is in bytes, ``modified`` is Unix time by the clock of the storage. ``version`` is another one after
    every change."""

    key: str
    size: int
    version: str
    modified: float


@dataclass(frozen=True, slots=True)
class StoredObject:
    """All of a small object."""

    data: bytes
    version: str


class ObjectStore(Protocol):
    """All methods raise StoreError, StoreDownError where the storage does not answer, and DiskFullError."""

    poll_s: float
    """How often it may be asked for changes, in seconds."""

    def describe(self) -> str:
        """Where things are kept, in a few words for people."""
        ...

    def check(self) -> None:
        """Try what is needed of it. Raises UsageError, with what to do."""
        ...

    def check_room(self, min_free_mb: int) -> None:
        """Raises DiskFullError where less is left, in MB of 10⁶ bytes; a bucket has no end."""
        ...

    def info(self, key: str) -> ObjectInfo | None: ...

    def list(self, prefix: str) -> list[ObjectInfo]:
        """All whose keys begin with ``prefix`` and a slash, in no order."""
        ...

    def get(self, key: str) -> StoredObject | None:
        """A small object, None where there is none."""
        ...

    def read(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        """Bytes ``start`` to ``stop - 1``, in pieces. Raises FileNotFoundError."""
        ...

    def put(self, key: str, data: bytes) -> str:
        """Write or replace; returns the version."""
        ...

    def put_together(self, prefix: str, files: Mapping[str, bytes]) -> None:
        """Several small objects below ``prefix``, by name, the last of which says that the others are there: a server
        that is killed meanwhile leaves that one out."""
        ...

    def create(self, key: str, data: bytes) -> str | None:
        """Write where there is none, and return its version; None where there is one. Of several who try only one
        does; what they write differs."""
        ...

    def replace(self, key: str, data: bytes, version: str) -> str | None:
        """Write where it is still that version, and return the new one; None where it is not, or not there any
        more. Of several who try only one does; what they write differs."""
        ...

    def take_in(self, key: str, path: Path) -> None:
        """Write or replace with a file of this machine, of any size, which may be gone from its place then."""
        ...

    def delete(self, key: str) -> None:
        """One that is not there is no error."""
        ...

    def delete_together(self, prefix: str, names: Sequence[str]) -> None:
        """All that :meth:`put_together` has put below ``prefix``: at once, or by ``names`` in their order."""
        ...

    def sweep(self, prefix: str) -> None:
        """Remove what servers that were killed left unfinished directly below ``prefix``; never what another one is
        writing."""
        ...

    def announce(self, server: str) -> None:
        """This server is there, by that name, until it ends or is withdrawn."""
        ...

    def is_gone(self, server: str) -> bool:
        """Whether it is certain that a server that was announced has ended. A bucket never knows."""
        ...

    def withdraw(self, server: str) -> None:
        """It says goodbye. Twice is once."""
        ...

    def path(self, key: str) -> Path | None:
        """Where an object is, or would be, on a disk of this machine; None for a bucket."""
        ...

    def fetch(self, key: str, target: Path) -> Path:
        """A file with the content of an object: its own, or ``target``, which is written. Raises FileNotFoundError."""
        ...
