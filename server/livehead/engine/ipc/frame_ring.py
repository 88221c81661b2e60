"""The ring in shared memory through which frames come back from the worker.

One writer (the worker) and one reader (the host). A frame's place is its position modulo the
number of slots; the writer tells positions over the pipe, the reader counts up what it has taken in
the ring's header. When the ring is full, the writer is refused at once and the frames are dropped
and counted: the reader copies frames out as they come, so a full ring means that it hangs, and
the worker must not hang with it.

The memory has no name. It is one anonymous file that the host makes and the worker inherits, so
nothing is left behind when either is killed, no resource tracker is needed, and the small
``/dev/shm`` of containers does not matter. All of it is reserved at once: a page that could not be had
when a frame is written would end the worker with a signal in mid-call.

The header also says which streams the call under way is for, so that the host knows when the worker is
dead, in whatever way it died.
"""

from __future__ import annotations

import errno
import mmap
import os
import tempfile
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from livehead.errors import EngineError

_HEADER = 4096
"""Bytes before the first slot: one page, so that slots are aligned. It holds 64-bit numbers: the count of taken frames,
how many streams the call under way is for, and these."""

_MOST_STREAMS = _HEADER // 8 - 2


def create_memory() -> int:
    """Make the nameless file of a ring and return its descriptor. It is empty until a writer sizes it."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("livehead-frames")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class FrameRing:
    """Frames of one size, I420, uint8 of shape ``(height * 3 // 2, width)``; one of twice the height takes two slots.

    The writer makes it with ``create=True``, which sizes the file; the reader opens it afterwards.
    The descriptor stays the caller's. Raises :class:`EngineError` where there is no memory for it.
    """

    def __init__(self, memory: int, *, width: int, height: int, slots: int, create: bool = False) -> None:
        self.slots = slots
        self.written = 0
        self._shape = (height * 3 // 2, width)
        size = _HEADER + slots * self.frame_bytes
        if create:
            _reserve(memory, size)
        self._map = mmap.mmap(memory, size)
        self._header = np.frombuffer(self._map, np.int64, _HEADER // 8)
        self._slots = np.frombuffer(self._map, np.uint8, slots * self.frame_bytes, _HEADER).reshape(slots, *self._shape)

    @property
    def frame_bytes(self) -> int:
        return self._shape[0] * self._shape[1]

    @property
    def free(self) -> int:
        """Slots the writer may fill now."""
        return self.slots - (self.written - int(self._header[0]))

    def write(self, frames: NDArray[np.uint8]) -> int | None:
        """Copy ``frames``, uint8 ``(n, span * height * 3 // 2, width)``, in; return the position of the first,
        or None where there is no room for all of them. ``span`` is a whole number."""
        pieces = frames.reshape(-1, *self._shape)
        count = len(pieces)
        if count > self.free:
            return None
        position = self.written
        for offset in range(count):
            np.copyto(self._slots[(position + offset) % self.slots], pieces[offset])
        self.written = position + count
        return position

    def span(self, frames: NDArray[np.uint8]) -> int:
        """How many slots each of ``frames`` takes."""
        return int(frames[0].nbytes) // self.frame_bytes

    def take(self, position: int, count: int, span: int = 1) -> list[NDArray[np.uint8]]:
        """Copy ``count`` frames out and free their slots. Each is an array of its own, so that holding on
        to one frame does not keep its whole hop in memory."""
        frames = []
        for first in range(position, position + count * span, span):
            frame = np.empty((span * self._shape[0], self._shape[1]), np.uint8)
            for offset, piece in enumerate(frame.reshape(span, *self._shape)):
                np.copyto(piece, self._slots[(first + offset) % self.slots])
            frames.append(frame)
        self._header[0] = position + count * span
        return frames

    @property
    def under_way(self) -> tuple[int, ...]:
        """The streams that the writer's call under way is for; none where there is no call. For the writer to set, and
        still there for the reader once the writer is dead."""
        count = min(max(0, int(self._header[1])), _MOST_STREAMS)
        return tuple(map(int, self._header[2 : 2 + count]))

    @under_way.setter
    def under_way(self, streams: Sequence[int]) -> None:
        some = streams[:_MOST_STREAMS]
        self._header[1] = 0
        self._header[2 : 2 + len(some)] = some
        self._header[1] = len(some)

    def close(self) -> None:
        """Unmap the memory. Twice is once."""
        if not self._map.closed:
            del self._header, self._slots  # they are windows into the map, which cannot be closed under them
            self._map.close()


def _reserve(memory: int, size: int) -> None:
    try:
        if hasattr(os, "posix_fallocate"):  # not on macOS
            os.posix_fallocate(memory, 0, size)
        else:
            os.ftruncate(memory, size)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.ENOMEM, errno.EFBIG, errno.EDQUOT):
            raise
        raise EngineError(
            f"There is no shared memory for frames: {size / 1e6:.0f} MB are needed ({error.strerror}). "
            "Free some, or raise the limit of the container or the service."
        ) from error
