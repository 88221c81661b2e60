"""What a process and its children hold, against what they are known to hold."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from livehead.bench.soak.holdings import Holdings, growths, holdings

HOLDER = """
import os, subprocess, sys, threading, time
memory = b"x" * 50_000_000
files = [open(os.devnull) for _ in range(20)]
for _ in range(3):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
shared = os.memfd_create("held")
os.ftruncate(shared, 8_000_000)
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[shared])
print("held", flush=True)
input()
child.communicate(b"\\n")
"""


@contextmanager
def started(program: str, says: str) -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline().decode().strip() == says
    try:
        yield process.pid
    finally:
        process.communicate(b"\n")


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors of shared memory are looked for in /proc")
def test_what_a_process_and_its_child_hold_is_counted_once() -> None:
    with started("print('bare', flush=True); input()", "bare") as pid:
        bare = holdings(pid)
    with started(HOLDER, "held") as pid:
        held = holdings(pid)
    assert bare.processes == 1
    assert held.processes == 2
    assert 50 <= held.memory - bare.memory < 80
    assert held.descriptors - bare.descriptors >= 20 + 1 + 4
    assert held.threads - bare.threads == 3 + 1
    assert (bare.shared_segments, held.shared_segments) == (0, 1)
    assert held.shared_memory == pytest.approx(8.0)
    assert held.at <= time.monotonic()


def test_a_process_that_has_ended_holds_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    found = holdings(process.pid)
    assert (found.memory, found.descriptors, found.threads, found.processes) == (0, 0, 0, 0)


def test_each_resource_that_was_seen_is_judged() -> None:
    level = Holdings(0.0, 300.0, 40, 20, 2, 1, 30.0)
    seen = [replace(level, at=float(at), threads=20 + at // 10) for at in range(100)]
    found = {growth.resource.name: growth.leaks for growth in growths(seen)}
    assert found == {
        "memory": False,
        "descriptors": False,
        "threads": False,
        "processes": False,
        "shared memory segments": False,
        "shared memory": False,
    }
    seen = [replace(each, threads=each.threads * 5, device_memory=1000.0) for each in seen]
    assert [growth.resource.name for growth in growths(seen) if growth.leaks] == ["threads"]
    assert "device memory" in {growth.resource.name for growth in growths(seen)}
