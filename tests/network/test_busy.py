"""A busy machine gets another try, and no free pass."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from busy import TRIES, BusyError, again_where_busy, judging


def others(cores: float) -> Any:
    return SimpleNamespace(cores=cores)


@pytest.mark.parametrize(("fails", "cores", "runs"), [(0, 2.0, 1), (1, 2.0, 2), (TRIES - 1, 2.0, TRIES)])
async def test_what_fails_on_a_busy_machine_is_run_again(fails: int, cores: float, runs: int) -> None:
    count = 0

    @again_where_busy
    def claim() -> None:
        nonlocal count
        count += 1
        with judging(others(cores)):
            assert count > fails

    @again_where_busy
    async def claim_async() -> None:
        claim()

    await claim_async()
    assert count == runs


def test_what_fails_every_time_fails() -> None:
    @again_where_busy
    def claim() -> None:
        with judging(others(2.0)):
            raise AssertionError("too slow")

    with pytest.raises(BusyError, match=r"2\.0 cores, and: too slow"):
        claim()


def test_what_fails_on_a_quiet_machine_fails_at_once() -> None:
    count = 0

    @again_where_busy
    def claim() -> None:
        nonlocal count
        count += 1
        with judging(others(0.1)):
            raise AssertionError("wrong")

    with pytest.raises(AssertionError, match=r"^wrong$"):
        claim()
    assert count == 1
