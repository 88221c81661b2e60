"""Two who write the same portrait and the same key file at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fault_rows import Recovery
from reliability.kept import Kept

ROUNDS = 10


@pytest.mark.fault(
    "storage",
    "Two servers write the same portrait, and two operators the same key file, at the same time",
    "Nothing is lost: the portrait is one of the two, whole, and all keys are there.",
)
def test_two_writers(tmp_path: Path, recovery: Recovery) -> None:
    def write(own: int) -> None:
        kept = Kept(tmp_path)
        for number in range(ROUNDS):
            kept.add_portrait(number, f"Of {own}")
            kept.add_key(2 * number + own)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2)))
    found = Kept(tmp_path).state()
    assert sum(name.startswith("key") for name in found) == 2 * ROUNDS
    names = [name for name in found if name.startswith("portrait")]
    assert len(names) == ROUNDS
    recovery(f"{ROUNDS} portraits and {2 * ROUNDS} keys of two writers, all whole")
