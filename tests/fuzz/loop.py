"""One event loop for all inputs of a process: making one for each input would take most of the time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import cache
from typing import TypeVar

Result = TypeVar("Result")


@cache
def _runner() -> asyncio.Runner:
    return asyncio.Runner()


def wait_for(coroutine: Coroutine[object, object, Result]) -> Result:
    """Run it to its end."""
    return _runner().run(coroutine)
