"""Objects that do something beside everything else for as long as they are entered."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import ClassVar, Self


class BackgroundTask:
    """An async context manager that owns a task: ``_run`` runs inside, and has ended after. May be left twice."""

    TASK: ClassVar[str]
    """Its name, in tracebacks."""

    _task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name=self.TASK)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        raise NotImplementedError
