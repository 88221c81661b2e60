"""A worker's process group: it is killed while its number is certainly its own, and reaped after that."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from livehead.engine.host.process_group import ProcessGroup

FOREVER = "import time; time.sleep(600)"
LEAVES_A_HELPER = "import os, time; print(os.fork() or time.sleep(600), flush=True)"


def group(program: str = FOREVER) -> ProcessGroup:
    return ProcessGroup(subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL, process_group=0))


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def members(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rsplit(")", 1)[1].split()[:3]
        except OSError:
            continue
        if int(its_group) == pid and state != "Z":
            found.append(int(stat.parent.name))
    return found


def until(condition, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.005)


@pytest.fixture
def kills(monkeypatch) -> list[tuple[int, bool]]:
    """Every kill of a group: its number, and whether that was still taken by the process that led it."""
    seen: list[tuple[int, bool]] = []
    kill = os.killpg

    def watched(pid: int, number: int) -> None:
        seen.append((pid, exists(pid)))
        kill(pid, number)

    monkeypatch.setattr(os, "killpg", watched)
    return seen


def test_looking_whether_it_ended_does_not_reap_it():
    watched = group("")
    until(lambda: watched.ended)
    assert exists(watched.pid)
    assert watched.ended
    assert watched.end(0.0) == 0
    assert not exists(watched.pid)
    assert watched.ended


def test_the_group_is_killed_before_its_leader_is_reaped(kills):
    watched = group(LEAVES_A_HELPER)
    until(lambda: watched.ended)
    assert len(members(watched.pid)) == 1
    assert watched.end(5.0) == 0
    until(lambda: not members(watched.pid))
    assert kills == [(watched.pid, True)]


def test_nothing_is_killed_once_it_is_reaped(kills):
    watched = group("")
    code = watched.end(5.0)
    kills.clear()
    watched.kill()
    assert watched.end(0.0) == code == 0
    assert not kills


def test_one_that_does_not_end_by_itself_is_killed():
    watched = group()
    assert watched.end(0.05) == -signal.SIGKILL


def test_a_group_that_is_gone_is_no_error(monkeypatch):
    """As where another part of the program reaped the process."""
    watched = group("")
    until(lambda: watched.ended)
    os.waitpid(watched.pid, 0)

    def gone(pid: int, number: int) -> None:
        raise ProcessLookupError(pid)

    monkeypatch.setattr(os, "killpg", gone)
    watched.kill()
    assert watched.ended
    assert watched.end(0.0) == 0


@pytest.mark.parametrize("seed", range(5))
def test_threads_may_look_kill_and_end_at_once(kills, seed):
    watched = group("" if seed % 2 else FOREVER)
    errors: list[Exception] = []
    codes: list[int] = []

    def act(number: int) -> None:
        try:
            for _ in range(20):
                _ = watched.ended
                if number == seed % 4:
                    watched.kill()
            codes.append(watched.end(0.5))
        except Exception as error:  # noqa: BLE001 - told below
            errors.append(error)

    threads = [threading.Thread(target=act, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(set(codes)) == 1
    assert not exists(watched.pid)
    assert all(own for _, own in kills)
