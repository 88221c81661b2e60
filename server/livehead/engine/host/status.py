"""Whether the engine is up, why not, and who wants to know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal, TypeAlias

from livehead.errors import EngineDownError, EngineError

EngineState: TypeAlias = Literal["starting", "ready", "down"]


class EngineStatus:
    """``reason`` says why the engine is ``down``. Everything is for the event loop's thread."""

    def __init__(self) -> None:
        self.state: EngineState = "starting"
        self.reason: str | None = None
        self._failure: EngineError | None = None
        self._subscribers: list[Callable[[EngineState], None]] = []
        self._outcome: asyncio.Future[None] | None = None

    @property
    def why_not(self) -> EngineDownError:
        """The error for whoever needs an engine that is not ready."""
        return EngineDownError(self.reason or "the engine is still starting; try again in a moment")

    def subscribe(self, callback: Callable[[EngineState], None]) -> Callable[[], None]:
        """Call ``callback(state)`` on the event loop at every change; returns what ends that."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback) if callback in self._subscribers else None

    async def ready(self) -> None:
        """Wait until the engine is ready. Raises the latest failure where it could not start."""
        if self.state == "ready":
            return
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        if self._outcome is None:
            self._outcome = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._outcome)

    def up(self) -> None:
        self.reason = self._failure = None
        self._change("ready")
        self._resolve(None)

    def down(self, reason: str, failure: EngineError | None) -> None:
        """``failure`` is what whoever waits for the start is told; None where there is still hope."""
        self.reason = reason
        self._failure = failure
        self._change("down")
        if failure is not None:
            self._resolve(failure)

    def _resolve(self, failure: EngineError | None) -> None:
        outcome, self._outcome = self._outcome, None
        if outcome is None:
            return
        if failure is None:
            outcome.set_result(None)
        else:
            outcome.set_exception(failure)
            outcome.exception()  # whoever waited may have given up

    def _change(self, state: EngineState) -> None:
        if state == self.state:
            return
        self.state = state
        loop = asyncio.get_running_loop()
        for callback in self._subscribers:
            loop.call_soon(callback, state)
