"""The file of API keys: one ``NAME:HASH:DATE`` a line, blank lines and ``#`` comments between them.

It is written whole (:mod:`livehead.files.whole`), so that a reader never sees half of it.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterable, Iterator
from pathlib import Path

from livehead.access.keys import StoredKey, parse_line
from livehead.errors import DiskFullError, StoreError, UsageError
from livehead.files.whole import make_folder, sweep, write_file

MAX_BYTES = 1024 * 1024

_HEAD = b"# API keys of livehead: name, SHA-256 of the key, date\n"


def read_keys(path: Path) -> tuple[StoredKey, ...]:
    """All keys in the file. Reads it, so not on the event loop. Raises UsageError where there is none, where it cannot
    be read, and for a line that is no key, with its number."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode()
    except FileNotFoundError:
        raise UsageError(f"There is no key file {path}. Make it with `livehead keys new NAME --keys {path}`.") from None
    except UnicodeDecodeError:
        raise UsageError(f"The key file {path} is no text.") from None
    except OSError as error:
        raise UsageError(f"The key file {path} cannot be read: {error.strerror or error}.") from None
    if len(content) > MAX_BYTES:
        raise UsageError(f"The key file {path} is larger than {MAX_BYTES} bytes.")
    return tuple(_parse(text.splitlines(), path))


@contextlib.contextmanager
def changing(path: Path) -> Iterator[list[StoredKey]]:
    """The keys as a list; what the block makes of it is written at its end, readable by this user only. A second
    program that changes the file waits. Raises UsageError, and writes nothing where the block raises. After the block
    it is on the disk."""
    try:
        make_folder(path.parent)
        with path.with_name(f".{path.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            sweep(path.parent, path.name)
            keys = list(read_keys(path)) if path.exists() else []
            yield keys
            write_file(path, _HEAD + "".join(f"{key}\n" for key in keys).encode())
    except (OSError, DiskFullError, StoreError) as error:
        reason = error.__cause__ if isinstance(error.__cause__, OSError) else error
        said = getattr(reason, "strerror", None) or reason
        raise UsageError(f"The key file {path} cannot be written: {said}. It is as it was.") from None


def _parse(lines: Iterable[str], path: Path) -> Iterator[StoredKey]:
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                yield parse_line(line)
            except UsageError as error:
                raise UsageError(f"{path}, line {number}: {error}.") from None
