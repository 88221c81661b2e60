"""Counters that wrap, as RTP has them, and their values without wrapping."""

from __future__ import annotations


class Unwrapped:
    """Turns the values of a counter of ``bits`` bits into those of one that never wraps. Values may be reordered by
    less than half its range."""

    def __init__(self, bits: int) -> None:
        self._size = 1 << bits
        self._last: int | None = None

    def __call__(self, value: int) -> int:
        if self._last is None:
            self._last = value
        half = self._size // 2
        found = self._last + (half + value - self._last) % self._size - half
        self._last = max(self._last, found)
        return found
