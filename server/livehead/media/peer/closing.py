"""Ends a peer connection, whatever its parts raise."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiortc import RTCPeerConnection

from livehead.media.peer.aiortc_parts import closing_steps

logger = logging.getLogger(__name__)

CLOSE_TIMEOUT = 5.0
"""Seconds for each step."""


async def close_connection(pc: RTCPeerConnection) -> int:
    """Close it, and where that fails each of its parts. Returns how many steps failed. Raises nothing but for its own
    cancellation."""
    failures = await _failures("peer connection", pc.close)
    if failures:
        for name, step in closing_steps(pc):
            failures += await _failures(name, step)
    return failures


async def _failures(name: str, step: Callable[[], Awaitable[None]]) -> int:
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await step()
    except TimeoutError:
        logger.warning("the %s could not be closed within %g s", name, CLOSE_TIMEOUT)
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        logger.warning("the %s could not be closed: a part of it was cancelled", name)
    except Exception:
        logger.warning("the %s could not be closed", name, exc_info=True)
    else:
        return 0
    return 1
