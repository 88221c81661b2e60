"""Whether the machine had time for a measurement, and another try where it had not."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
from collections.abc import Callable, Iterator
from typing import Any

from livehead.bench.usage import usage
from livehead.errors import LiveheadError

BUSY = 0.5
"""Cores that other processes may take. Two calls with their clients need most of a small machine."""

TRIES = 3


class BusyError(AssertionError):
    """A claim failed while others had the machine."""


class Others:
    """Counts the cores that processes take which are none of ours, from its making on."""

    def __init__(self) -> None:
        self._before = usage(os.getpid())
        self.cores = 0.0

    def stop(self) -> None:
        """To be called while our processes are still there."""
        before, after = self._before, usage(os.getpid())
        others = (after.machine_s - before.machine_s) - (after.cpu_s - before.cpu_s)
        self.cores = others / (after.at - before.at)


@contextlib.contextmanager
def judging(others: Others) -> Iterator[None]:
    """A claim that fails in here on a machine that is busy with other things is worth another try."""
    try:
        yield
    except (AssertionError, LiveheadError) as error:
        if others.cores > BUSY:
            raise BusyError(f"other processes took {others.cores:.1f} cores, and: {error}") from error
        raise


def again_where_busy(test: Callable[..., Any]) -> Callable[..., Any]:
    """A test that is run again where it fails with :class:`BusyError`; the last of :data:`TRIES` counts, whatever
    others do. It is not skipped: what fails every time on a busy machine may well be ours."""

    def told(error: BusyError, number: int) -> None:
        if number == TRIES:
            raise error
        print(f"try {number}: {error}")

    @functools.wraps(test)
    def run(*given: Any, **named: Any) -> None:
        for number in range(1, TRIES + 1):
            try:
                test(*given, **named)
            except BusyError as error:
                told(error, number)
            else:
                break

    @functools.wraps(test)
    async def run_async(*given: Any, **named: Any) -> None:
        for number in range(1, TRIES + 1):
            try:
                await test(*given, **named)
            except BusyError as error:
                told(error, number)
            else:
                break

    return run_async if inspect.iscoroutinefunction(test) else run
