"""What an input costs: in executed lines of Python, which is the same everywhere, and in processor time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any


def count_lines(run: Callable[[bytes], None], data: bytes) -> int:
    """Lines of Python that are executed."""
    lines = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run(data)
    finally:
        sys.settrace(before)
    return lines


def seconds(run: Callable[[bytes], None], data: bytes, repeats: int = 3) -> float:
    """Processor time of this thread, the least of some repeats."""
    least = float("inf")
    for _ in range(repeats):
        began = time.thread_time()
        run(data)
        least = min(least, time.thread_time() - began)
    return least
