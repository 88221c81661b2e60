"""The threads that encode frames and audio, for all peers of this process."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar, TypeVarTuple

from livehead.cores import usable_cores

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


def max_threads() -> int:
    """One for each core that this process may use, at least two."""
    return max(2, math.ceil(usable_cores()))


@cache
def encoding_pool() -> ThreadPoolExecutor:
    """The one pool of this process, of :func:`max_threads`, each started when it is first needed.

    The interpreter waits at its exit for what is being encoded, a few milliseconds.
    """
    return ThreadPoolExecutor(max_threads(), "encode")


async def encode(work: Callable[[*Arguments], Result], *args: *Arguments) -> Result:
    """``work(*args)`` in a thread of the pool: returns or raises what it does. Work that has begun is finished even if
    nobody waits any more."""
    return await asyncio.get_running_loop().run_in_executor(encoding_pool(), work, *args)
