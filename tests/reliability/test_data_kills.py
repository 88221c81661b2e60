"""kill -9 of a writer of the data folder: what was acknowledged is there, whole; nothing half is listed, or left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fault_rows import Recovery

PROGRAM = Path(__file__).with_name("killing.py")
MEMORY = Path("/dev/shm")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory, where there is room: a disk takes 5 ms for every flush."""
    if not MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="kept-") as folder:
        yield Path(folder)


def kill(*arguments: str) -> dict[str, int]:
    """How many writers were killed, by what they were changing. What was lost is in the output."""
    ended = subprocess.run(
        [sys.executable, str(PROGRAM), *arguments],
        env=os.environ | {"PYTHONPATH": str(PROGRAM.parents[1])},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert ended.returncode == 0
    return dict(json.loads(ended.stdout))


@pytest.mark.fault(
    "storage",
    "What writes to the data folder is killed before each single call to the system",
    "Every portrait, film, render and key that was acknowledged is there; what was not is there whole or not at all.",
)
def test_killed_before_every_call(folder: Path, recovery: Recovery) -> None:
    killed = kill("every", str(folder))
    assert min(killed.values()) > 4
    recovery(f"{sum(killed.values())} kills in {len(killed)} kinds of change, nothing lost or left behind")


def test_killed_at_random(folder: Path) -> None:
    assert sum(kill("random", str(folder), "15", "1").values()) == 15


@pytest.mark.soak
@pytest.mark.fault(
    "storage",
    "What writes to the data folder is killed at random, 200 times",
    "Every portrait, film, render and key that was acknowledged is there; a film has what was recorded.",
)
def test_killed_at_random_200_times(folder: Path, recovery: Recovery) -> None:
    killed = kill("random", str(folder), "200", "16")
    assert sum(killed.values()) == 200
    assert len(killed) > 8
    recovery(f"{sum(killed.values())} kills, {killed['record_film']} of them in a film, nothing lost or left behind")
