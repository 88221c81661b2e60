"""The tasks that drive a session, and why it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from livehead.logs import SessionLog
from livehead.turns import turns

Part: TypeAlias = Callable[[], Awaitable[None]]


class SessionParts:
    """One session's. It ends when somebody asks it to, or when a part fails or returns. ``reason`` is one stable word:
    of several the first, and ``failed`` before there is one, or where something could not be closed."""

    def __init__(self, log: SessionLog) -> None:
        self.reason = "failed"
        self._ending = asyncio.Event()
        self._log = log

    def end(self, reason: str) -> None:
        """Ask it to end."""
        if not self._ending.is_set():
            self.reason = reason
            self._ending.set()

    async def run(self, parts: Mapping[str, Part]) -> None:
        """Run them all, by name, until :meth:`end`. Never raises but for its own cancellation."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._keep(name, part), name=name) for name, part in parts.items()]
            await self._ending.wait()
            await turns().take()  # of many sessions that end at once
            for task in tasks:
                task.cancel()

    async def close(self, steps: Mapping[str, Part]) -> None:
        """Every step is tried, whatever the others raise; they are called what each closes."""
        for what, step in steps.items():
            try:
                await step()
            except Exception:  # noqa: BLE001 - the next step is to be tried all the same
                self.reason = "failed"
                self._log.exception("%s could not be closed", what)

    async def _keep(self, name: str, part: Part) -> None:
        """A part that fails or returns while the session lives ends it."""
        try:
            await part()
        except Exception:  # noqa: BLE001 - one session must not end the others
            self._log.exception("its part %r failed", name)
        else:
            if not self._ending.is_set():
                self._log.error("its part %r ended", name)
        self.end("failed")
