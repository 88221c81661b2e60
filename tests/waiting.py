"""Waiting in tests: until something is so, never for a fixed time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], within: float = 10.0) -> None:
    """Raises TimeoutError where ``condition`` is not true ``within`` seconds."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - there is no event for what other processes do
            await asyncio.sleep(0.02)
