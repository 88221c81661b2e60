"""Text to stderr, without the buffer in between."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from typing import TextIO


def writer_to(stream: TextIO | None) -> Callable[[str], None]:
    """Writes to the descriptor below ``stream``, as far as it has one: its own buffer has a lock that the end of the
    program would wait for. What cannot be written is lost; there is nobody left to tell."""
    if stream is None:
        return lambda _: None
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return lambda text: _write_text(stream, text)
    encoding = stream.encoding or "utf-8"
    return lambda text: _write_bytes(descriptor, text.encode(encoding, "backslashreplace"))


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
