"""One worker process, without the event loop."""

import os
import queue
import signal
from pathlib import Path
from typing import Any

import pytest

from livehead.engine.base import EngineSpec
from livehead.engine.host.process import WorkerLost, WorkerProcess
from livehead.engine.ipc.messages import Ready, Start


def launched(factory: str = "fakes:create") -> tuple[WorkerProcess, "queue.SimpleQueue[Any]"]:
    """A worker that is ready, and what it says."""
    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    worker = WorkerProcess(Start(EngineSpec(factory), 0.2, 8, 0, False), events.put)
    worker.launch()
    wait_for(events, Ready)
    return worker, events


def wait_for(events: "queue.SimpleQueue[Any]", kind: type) -> Any:
    while not isinstance(event := events.get(timeout=20), kind):
        pass
    return event


@pytest.fixture
def kills(monkeypatch) -> list[tuple[int, bool]]:
    """Every kill of a group: its number, and whether the process that led it still held that."""
    seen: list[tuple[int, bool]] = []
    kill = os.killpg

    def watched(pid: int, number: int) -> None:
        seen.append((pid, Path(f"/proc/{pid}").exists()))
        kill(pid, number)

    monkeypatch.setattr(os, "killpg", watched)
    return seen


@pytest.mark.parametrize("how", ["asked", "killed", "killed and seen"])
def test_no_number_is_killed_that_may_be_another_process_by_now(kills, how):
    worker, events = launched()
    pid = worker.pid
    assert pid is not None
    if how != "asked":
        os.kill(pid, signal.SIGKILL)
        wait_for(events, WorkerLost)
    if how == "killed and seen":
        assert worker.ended
    worker.kill()
    worker.close()
    worker.close()
    worker.kill()
    assert not Path(f"/proc/{pid}").exists()
    assert kills
    assert all(own for _, own in kills)


def test_a_process_that_is_gone_does_not_keep_close_from_closing(monkeypatch):
    worker, _ = launched()
    kill = os.killpg

    def late(pid: int, number: int) -> None:
        kill(pid, number)
        raise ProcessLookupError(pid)

    monkeypatch.setattr(os, "killpg", late)
    worker.kill()
    worker.close()
    assert worker.ended


def test_its_end_is_told_with_its_reason():
    worker, events = launched()
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    assert wait_for(events, WorkerLost).reason == "the worker was killed by signal 9"
    worker.close()
