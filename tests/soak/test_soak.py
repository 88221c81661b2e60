"""The soak as a user runs it, with everything that may go wrong: two minutes in every run, ten in the long tests."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from fault_rows import Recovery
from livehead.bench.soak.callers.visits import KINDS as VISITS
from livehead.bench.soak.faults import KINDS as FAULTS
from waiting import PATIENCE


def soak(minutes: float, callers: int, *options: str, patience: float = PATIENCE) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "livehead", "bench", "soak", "--hours", f"{minutes / 60:.4f}"]
    command += ["--engine", "preview", "--callers", str(callers), "--patience", f"{patience:g}", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60 * minutes + 400, check=False)


def check(done: subprocess.CompletedProcess[str], callers: int) -> dict[str, Any]:
    """The verdict is good, all kinds of visits and of faults were among it, and things really were seen."""
    assert done.returncode == 0, f"{done.stderr}\n{done.stdout}"
    shown: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert shown["good"]
    assert shown["reasons"] == []
    assert "The verdict: good." in done.stdout
    assert set(shown["visits"]) == set(VISITS)
    assert {kind: fault["times"] > 0 for kind, fault in shown["faults"].items()} == dict.fromkeys(FAULTS, True)
    assert shown["workers_lost"] == sum(shown["faults"][kind]["times"] for kind in ("worker-killed", "worker-hung"))
    assert shown["dropped"] > 0
    assert shown["bad_line"] > 0
    assert shown["films"]["made"] > 0
    assert shown["renders"]["made"] > 0
    assert shown["skew_ms"] is not None
    assert {row["what"] for row in shown["held"]} >= {"memory of the server", "threads of server and workers"}
    assert shown["frames"] > 10 * shown["seconds"] * callers
    return shown


@pytest.mark.timeout(600)
def test_two_minutes_of_callers_and_faults_are_good() -> None:
    check(soak(2, 2, "--size", "128", patience=2 * PATIENCE), 2)  # two minutes say little of how fast a machine is


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.fault(
    "load",
    "Ten minutes of calls, films, renders and uploads, also over bad lines, while workers and clients are killed and "
    "too many callers come",
    "Pictures stand still only for the time that each fault may take; voice and picture stay together.",
)
def test_ten_minutes_of_callers_and_faults_are_good(recovery: Recovery) -> None:
    shown = check(soak(10, 3, "--size", "256", "--seed", "2"), 3)
    faults = sum(fault["times"] for fault in shown["faults"].values())
    recovery(f"{sum(shown['visits'].values())} visits and {faults} faults, nothing leaked, the verdict is good")


def test_a_server_that_cannot_be_reached_is_no_soak() -> None:
    done = soak(1, 1, "--url", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert done.stderr.startswith("livehead: http://127.0.0.1:9/v1/info cannot be reached")


def test_what_is_out_of_range_is_refused_before_anything_is_started() -> None:
    assert soak(0.1, 1).returncode == 2
    assert soak(1, 0).returncode == 2
    done = soak(1, 1, "--key", "lh_x")
    assert done.returncode == 2
    assert "--key is for the server that --url names" in done.stderr
