"""Tasks whose end by an error is noticed at once, and not when somebody happens to await them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

OnFailure = Callable[[Exception], None]


def watched_task(work: Coroutine[Any, Any, None], name: str, on_failure: OnFailure) -> asyncio.Task[None]:
    """Start a task; ``on_failure`` gets the exception it ends with. Its owner still cancels and awaits it."""

    def done(task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            on_failure(error)

    task = asyncio.create_task(work, name=name)
    task.add_done_callback(done)
    return task
