"""Text to stderr, without the buffer in between."""

from __future__ import annotations

import os
import select
import weakref
from collections.abc import Callable
from typing import TextIO


def writer_to(stream: TextIO | None) -> Callable[[str], bool]:
    """Writes to a copy of the descriptor below ``stream``, as far as it has one: its own buffer has a lock that the end
    of the program would wait for, and whoever closes the stream frees its number for another file. What cannot be
    written, as on a full disk, is lost: it returns False then. After half a line the next one begins anew."""
    if stream is None:
        return lambda _: True
    try:
        descriptor = os.dup(stream.fileno())
    except (OSError, ValueError):
        return lambda text: _write_text(stream, text)
    encoding = stream.encoding or "utf-8"

    torn = False

    def write(text: str) -> bool:
        nonlocal torn
        data = ("\n" if torn else "").encode(encoding) + text.encode(encoding, "backslashreplace")
        written = _write_bytes(descriptor, data)
        torn = written < len(data) and (written > 0 or torn)
        return written == len(data)

    weakref.finalize(write, os.close, descriptor).atexit = False  # the last lines come later
    return write


def _write_text(stream: TextIO, text: str) -> bool:
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        return False
    return True


def _write_bytes(descriptor: int, data: bytes) -> int:
    """How many were written."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # another program made it so
            select.select([], [descriptor], [])
        except OSError:
            break
    return len(data) - len(view)
