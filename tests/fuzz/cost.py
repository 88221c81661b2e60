"""What an input costs: in executed lines of Python, which is the same everywhere, and in processor time."""

from __future__ import annotations

import time
from collections.abc import Callable

from executed_lines import executed_lines


def count_lines(run: Callable[[bytes], None], data: bytes) -> int:
    """Lines of Python that are executed."""
    with executed_lines() as count:
        run(data)
    return count.lines


def seconds(run: Callable[[bytes], None], data: bytes, repeats: int = 3) -> float:
    """Processor time of this thread, the least of some repeats."""
    least = float("inf")
    for _ in range(repeats):
        began = time.thread_time()
        run(data)
        least = min(least, time.thread_time() - began)
    return least
