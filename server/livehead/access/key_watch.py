"""Reads the key file again when it has changed: the servers of a fleet have one between them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from livehead.background_task import BackgroundTask

LOOK_S = 30.0
"""How often the file is looked at."""

_State: TypeAlias = tuple[int, int, int] | None


class KeyWatch(BackgroundTask):
    """An async context manager. Inside, ``reload`` is called after each change of ``file``, if there is one. Makes note
    of the file when it is made, so make it before the event loop runs."""

    TASK = "key-watch"

    def __init__(self, file: Path | None, reload: Callable[[], Awaitable[None]], look_s: float = LOOK_S) -> None:
        self._file = file
        self._reload = reload
        self._look_s = look_s
        self._known = self._state()

    async def _run(self) -> None:
        while self._file is not None:
            await asyncio.sleep(self._look_s)
            state = await asyncio.to_thread(self._state)
            if state != self._known:
                self._known = state
                await self._reload()

    def _state(self) -> _State:
        try:
            stat = None if self._file is None else self._file.stat()
        except OSError:
            return None
        return None if stat is None else (stat.st_ino, stat.st_mtime_ns, stat.st_size)
