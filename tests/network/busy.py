"""Whether the machine had time for a measurement."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest

from livehead.bench.usage import usage
from livehead.errors import LiveheadError

BUSY = 0.5
"""Cores that other processes may take. Two calls with their clients need most of a small machine."""


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
    """A claim that fails on a machine that is busy with other things says nothing about networks."""
    try:
        yield
    except (AssertionError, LiveheadError) as error:
        if others.cores > BUSY:
            pytest.skip(f"other processes took {others.cores:.1f} cores, and so: {error}")
        raise
