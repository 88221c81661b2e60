"""The guard of the event loop works, the phases name tests that exist, and what fails in real time is tried again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from phases import COMPUTE, REALTIME, SLOW, TOGETHER, group, marks

TESTS = Path(__file__).parent

BLOCKS = """
import asyncio
import livehead.naps  # a module under livehead/, planted for this test


async def test_it_naps():
    livehead.naps.nap()


async def test_it_swallows_the_complaint():
    try:
        livehead.naps.nap()
    except Exception:
        pass


async def test_it_naps_in_a_thread():
    await asyncio.to_thread(livehead.naps.nap)


def test_nothing_runs():
    livehead.naps.nap()
"""


def run_here(folder: Path) -> subprocess.CompletedProcess[str]:
    """pytest on the tests in a folder, as those of this one are run."""
    for name in ("conftest.py", "fault_rows.py", "phases.py", "waiting.py"):
        (folder / name).write_text((TESTS / name).read_text())
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\npythonpath = .\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(folder)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_blocking_the_event_loop_fails_a_test_also_when_the_error_is_swallowed(tmp_path: Path) -> None:
    package = tmp_path / "livehead"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "naps.py").write_text("import time\n\n\ndef nap():\n    time.sleep(0.001)\n")
    (tmp_path / "test_naps.py").write_text(BLOCKS)
    done = run_here(tmp_path)
    # whoever naps fails in the fixture, which pytest counts as an error; the first one fails in itself too
    assert "1 failed, 3 passed, 2 errors" in done.stdout, done.stdout + done.stderr
    assert "the event loop was blocked" in done.stdout
    assert "Blocking call to time.sleep" in done.stdout


FAILS = """
from pathlib import Path

BEFORE = Path(__file__).with_name("tried")


def test_at_first():
    first = not BEFORE.exists()
    BEFORE.touch()
    assert not first


def test_always():
    assert False
"""


def test_what_fails_in_real_time_is_tried_once_more_and_named(tmp_path: Path) -> None:
    (tmp_path / "network").mkdir()
    for place in ("network/test_live.py", "test_pure.py"):
        (tmp_path / place).write_text(FAILS)
    done = run_here(tmp_path)
    assert "3 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    said = done.stdout.split("passed at the second try")[1].split("short test summary")[0]
    assert [line for line in said.splitlines() if "::" in line] == ["network/test_live.py::test_at_first"]


@pytest.mark.parametrize(
    "place", sorted({*REALTIME, *COMPUTE, *SLOW, *(place for places in TOGETHER.values() for place in places)})
)
def test_what_the_phases_name_exists(place: str) -> None:
    assert (TESTS / place).exists()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("core/test_playout.py", []),
        ("network/test_lab.py", ["realtime"]),
        ("media/peer/test_peer.py", ["slow"]),
        ("models/test_download.py", ["compute", "slow"]),
        ("engine/flashhead/test_golden.py", ["compute", "slow"]),
        ("bench/latency/test_bench_latency.py", ["realtime", "slow"]),
        ("apix/test_other.py", []),
    ],
)
def test_a_file_has_the_marks_of_its_place(path: str, expected: list[str]) -> None:
    assert marks(path) == expected


def test_tests_that_wait_share_a_worker() -> None:
    assert group("api/session/test_signal.py") == group("api/test_doors.py") == "api"
    assert group("engine/host/test_host.py") == group("sessions/test_session.py") == "loopback"
    assert group("browser/test_page.py") == "pages"
    assert group("browser/test_embed.py") == "browsers"
    assert group("client/test_client_session.py") == group("media/peer/test_peer.py") == "calls"
    assert group("core/test_playout.py") is None
