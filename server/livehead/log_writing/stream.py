"""Text to stderr, without the buffer in between."""

from __future__ import annotations

import os
import select
import weakref
from collections.abc import Callable
from typing import TextIO


def writer_to(stream: TextIO | None) -> Callable[[str], None]:
    """Writes to a copy of the descriptor below ``stream``, as far as it has one: its own buffer has a lock that the end
    of the program would wait for, and whoever closes the stream frees its number for another file. What cannot be
    written is lost; there is nobody left to tell."""
    if stream is None:
        return lambda _: None
    try:
        descriptor = os.dup(stream.fileno())
    except (OSError, ValueError):
        return lambda text: _write_text(stream, text)
    encoding = stream.encoding or "utf-8"

    def write(text: str) -> None:
        _write_bytes(descriptor, text.encode(encoding, "backslashreplace"))

    weakref.finalize(write, os.close, descriptor).atexit = False  # the last lines come later
    return write


def _write_text(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        pass


def _write_bytes(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # another program made it so
            select.select([], [descriptor], [])
        except OSError:
            return
