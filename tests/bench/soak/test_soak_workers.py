"""Workers of the engine by their lives, of processes that only carry the command line of one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil
import pytest

from livehead.bench.soak import workers as soak_workers
from livehead.bench.soak.workers import LIFE_S, WorkerLives, workers

SERVER = """
import subprocess, sys
idle = [sys.executable, "-c", "input()"]
children = [subprocess.Popen([*idle, *said], stdin=subprocess.PIPE) for said in (["livehead.engine.worker.main"], [])]
print(children[0].pid, flush=True)
input()
for child in children:
    child.communicate(b"\\n")
"""
STEP_S = 2.0


@pytest.fixture
def server() -> Iterator[tuple[int, int]]:
    """A process with two children, and the one of these that is a worker."""
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        process.communicate(b"\n")


def lived(
    server: int, monkeypatch: pytest.MonkeyPatch, seconds: float, memory_mb: Callable[[float], float]
) -> WorkerLives:
    """A worker that was looked at for so long, and held that much at each time."""
    lives, now = WorkerLives(), 0.0
    monkeypatch.setattr(soak_workers, "anonymous", lambda process: memory_mb(now) * 1e6)
    while now <= seconds:
        lives.look(server, now)
        now += STEP_S
    return lives


def test_workers_are_known_by_what_they_run(server: tuple[int, int]) -> None:
    pid, worker = server
    assert [process.pid for process in workers(pid)] == [worker]


def test_a_worker_that_reaches_its_level_does_not_leak(
    server: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lives = lived(server[0], monkeypatch, LIFE_S, lambda age: 80 + min(age, 180.0) / 3)
    (growth,) = lives.growths()
    assert growth.grown == pytest.approx(0.0)
    assert not growth.leaks


def test_a_worker_that_goes_on_growing_leaks(server: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    lives = lived(server[0], monkeypatch, LIFE_S, lambda age: 80 + age / 4)
    (growth,) = lives.growths()
    assert growth.per_hour == pytest.approx(900, rel=0.01)
    assert growth.leaks


def test_a_short_life_is_not_judged(server: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    assert lived(server[0], monkeypatch, LIFE_S / 2, lambda age: 80 + age).growths() == []


def test_a_worker_and_the_one_after_it_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has grown for less than a life; together they would have grown for longer."""
    lives, began = WorkerLives(), 0.0

    class Worker:
        pid = 7

        def create_time(self) -> float:
            return began

    monkeypatch.setattr(soak_workers, "workers", lambda pid: [Worker()])
    monkeypatch.setattr(soak_workers, "anonymous", lambda process: 80e6)
    for at in range(0, int(LIFE_S) + 100, 10):
        began = 0.0 if at < LIFE_S / 2 else 1.0
        lives.look(1, float(at))
    assert lives.growths() == []


def test_a_worker_that_ends_while_it_is_looked_at_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(process: object) -> float:
        raise psutil.NoSuchProcess(1)

    monkeypatch.setattr(soak_workers, "workers", lambda pid: [object()])
    monkeypatch.setattr(soak_workers, "anonymous", gone)
    lives = WorkerLives()
    lives.look(1, 0.0)
    assert lives.growths() == []
