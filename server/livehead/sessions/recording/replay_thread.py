"""The thread that writes a session's replay file."""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import BinaryIO, TypeAlias

from livehead.errors import LiveheadError
from livehead.replay.header import Header
from livehead.replay.writer import ReplayWriter

Call: TypeAlias = Callable[[ReplayWriter], None]
"""Tells a writer what happened."""

MAX_BATCHES = 60
"""Batches that wait, each of a second. A file that is a minute behind ends with what it has: nothing is left out."""

CHECK_S = 1.0
"""How often the thread looks whether there is room on the disk."""

logger = logging.getLogger(__name__)


class ReplayThread:
    """One file. :meth:`put` and :meth:`stop` are called on the event loop and return at once.

    In the thread, ``open_file`` gives the file, open for writing, and may raise a LiveheadError; ``check`` is called
    once a second and raises one where the file is to end; ``on_end`` gets why it ended before :meth:`stop`, if it did.
    """

    def __init__(
        self,
        open_file: Callable[[], BinaryIO],
        header: Header,
        *,
        check: Callable[[], None],
        on_end: Callable[[str | None], None],
    ) -> None:
        self.failed = threading.Event()
        """Nothing that is put is written any more."""
        self.begun = False
        """Something was written."""
        self._open_file = open_file
        self._header = header
        self._check = check
        self._on_end = on_end
        self._queue: queue.SimpleQueue[Sequence[Call] | None] = queue.SimpleQueue()
        self._ended = False
        self._reason = "closed"
        self._thread = threading.Thread(target=self._run, name="replay", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, batch: Sequence[Call]) -> None:
        """What happened since the last one."""
        if self._ended or self.failed.is_set():
            return
        if self._queue.qsize() >= MAX_BATCHES:
            self.stop("slow")
        else:
            self._queue.put(batch)

    def stop(self, reason: str) -> None:
        """Nothing more will come; ``reason`` is one word. Twice is once."""
        if not self._ended:
            self._ended, self._reason = True, reason
            self._queue.put(None)

    async def wait(self, seconds: float) -> bool:
        """Whether the file is complete, after so long at most."""
        return await asyncio.to_thread(self.join, seconds)

    def join(self, seconds: float) -> bool:
        """The same. Blocks."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        cut: str | None = None
        try:
            self._write()
        except (LiveheadError, OSError) as error:
            cut = str(error)
        except Exception as error:
            logger.exception("a replay file failed")
            cut = f"{type(error).__name__}"
        self.failed.set()
        try:
            self._on_end(cut if cut or self._reason == "closed" else self._reason)
        except (LiveheadError, OSError) as error:
            logger.warning("a replay file could not be kept: %s", error)

    def _write(self) -> None:
        with self._open_file() as file:
            writer = ReplayWriter(file, self._header)
            looked = time.monotonic()
            while (batch := self._queue.get()) is not None:
                for call in batch:
                    call(writer)
                self.begun = True
                if time.monotonic() - looked > CHECK_S:
                    self._check()
                    looked = time.monotonic()
            writer.end(self._reason)
            os.fsync(file.fileno())
