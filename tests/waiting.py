"""Waiting in tests: until something is so, never for a fixed time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PATIENCE = 4.0
"""Times are those of a fairly quiet machine; on a busy one, to wait so many times as long is no fault."""


def patient(seconds: float) -> asyncio.Timeout:
    """A time-out for what comes within ``seconds`` on a fairly quiet machine."""
    return asyncio.timeout(seconds * PATIENCE)


async def until(condition: Callable[[], object], within: float = 10.0) -> None:
    """Raises TimeoutError where ``condition`` does not come true; ``within`` is in seconds of :func:`patient`."""
    async with patient(within):
        while not condition():  # noqa: ASYNC110 - there is no event for what other processes do
            await asyncio.sleep(0.02)
