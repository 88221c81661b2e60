"""Fetching pinned files over HTTP, and checking those that are there."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias

import httpx

from livehead.errors import LiveheadError
from livehead.vendor.sources import Source

TIMEOUT_S = 30.0

State: TypeAlias = Literal["as pinned", "missing", "not as pinned"]

_AGAIN = "Run the same command again; it goes on where it stopped."


class FetchError(LiveheadError):
    """A file could not be fetched, or is not what was pinned."""


def inspect(source: Source, root: Path) -> State:
    """Read the file, and say how it is."""
    path = root / source.path
    if not path.is_file():
        return "missing"
    return "as pinned" if _hash(path) == source.sha256 else "not as pinned"


def fetch(source: Source, root: Path, progress: Callable[[int], None] = lambda count: None) -> bool:
    """Put the file in its place below ``root``. False where it is there already, as pinned. ``progress`` is called with
    the number of bytes that just came. What came before a connection broke stays, and is not fetched again.

    Raises :class:`FetchError`, with what to do next; a file that is there and not as pinned is left alone.
    """
    path = root / source.path
    state = inspect(source, root)
    if state == "as pinned":
        return False
    if state == "not as pinned":
        raise FetchError(f"{path} is not the pinned file. Move it away, then run the same command again.")
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(source, partial, progress)
        if _hash(partial) != source.sha256:
            partial.unlink()
            raise FetchError(f"{source.url} is not the file that was pinned; what came was deleted.")
        os.replace(partial, path)
    except OSError as error:
        raise FetchError(f"{path} cannot be written: {error.strerror}.") from None
    return True


def _download(source: Source, partial: Path, progress: Callable[[int], None]) -> None:
    done = partial.stat().st_size if partial.exists() else 0
    if source.size is not None and done >= source.size:
        if done == source.size:
            return
        partial.unlink()
        done = 0
    headers = {"Range": f"bytes={done}-"} if done else {}
    try:
        with httpx.stream("GET", source.url, headers=headers, timeout=TIMEOUT_S, follow_redirects=True) as answer:
            if done and answer.status_code == 416:  # nothing is left: what came before is the whole
                return
            if answer.status_code not in (200, 206):
                raise FetchError(f"{source.url} was answered with {answer.status_code}. Check the address, or a proxy.")
            length = answer.headers.get("Content-Length", "")
            with partial.open("ab" if answer.status_code == 206 else "wb") as file:
                size = source.size or (file.tell() + int(length) if length.isdecimal() else None)
                _check_room(partial, (size or 0) - file.tell())
                for (
                    chunk
                ) in answer.iter_bytes():  # as they come: a chunk that is waited for is lost with the connection
                    file.write(chunk)
                    progress(len(chunk))
                    if source.size is not None and file.tell() > source.size:
                        raise FetchError(f"{source.url} is longer than the file that was pinned.")
    except httpx.HTTPError as error:
        raise FetchError(f"{source.url} cannot be fetched: {str(error) or type(error).__name__}. {_AGAIN}") from None
    if size is not None and partial.stat().st_size != size:
        raise FetchError(f"{source.url} did not come whole. {_AGAIN}")


def _check_room(partial: Path, needed: int) -> None:
    free = shutil.disk_usage(partial.parent).free
    if needed > free:
        raise FetchError(
            f"{partial.parent} has {free / 1e6:,.0f} MB free; {partial.stem} needs {needed / 1e6:,.0f} MB."
        )


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
