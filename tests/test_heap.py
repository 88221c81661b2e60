"""Memory that was freed goes back to the system: glibc keeps two arenas of it, however many threads there are."""

from __future__ import annotations

import os
import subprocess
import sys

EIGHT_THREADS = """
import ctypes, threading
from livehead.heap import limit_arenas

limit_arenas()
together = threading.Barrier(8)

def allocate():
    together.wait()
    mine = [bytes(1000) for _ in range(1000)]
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range(8)]
[each.start() for each in threads]
[each.join() for each in threads]
ctypes.CDLL(None).malloc_stats()
"""

GIVEN_BACK = """
from pathlib import Path
from livehead.heap import give_back

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

blocks = [bytes(2000) for _ in range(50_000)]
kept = blocks[::5000]
full = resident()
del blocks
give_back()
print((full - resident()) / 100e6)
"""


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    return subprocess.run(
        [sys.executable, "-c", program], env=own | environment, capture_output=True, text=True, check=True
    )


def arenas(done: subprocess.CompletedProcess[str]) -> int:
    return sum(line.startswith("Arena ") for line in done.stderr.splitlines())


def test_threads_share_two_arenas() -> None:
    assert arenas(run(EIGHT_THREADS)) == 2


def test_whoever_runs_the_server_may_say_how_many() -> None:
    assert arenas(run(EIGHT_THREADS, MALLOC_ARENA_MAX="5")) == 5


def test_pages_between_what_is_in_use_are_given_back() -> None:
    assert float(run(GIVEN_BACK).stdout) > 0.8
