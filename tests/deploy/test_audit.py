"""The audit looks at every line of every lock, and never takes what it could not look up for sound."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from supply import locks, program

audit = program("audit")


@pytest.fixture
def reporting(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A pip-audit that reports of each package of a lock that it is sound, or what is given here for it."""
    given: dict[str, Any] = {}

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        if given.get("nothing"):
            return subprocess.CompletedProcess(command, 1, "", "Traceback …\nConnectionError: no route\n")
        assert {"--require-hashes", "--disable-pip"} <= set(command)
        lock = Path(command[command.index("--requirement") + 1]).stem
        found = [
            {"name": each.name} | given.get(each.name, {"version": each.version, "vulns": []})
            for each in locks.read(lock)
            if given.get(each.name) != "absent"
        ]
        Path(command[command.index("--output") + 1]).write_text(json.dumps({"dependencies": found}))
        return subprocess.CompletedProcess(command, 0, "", "No known vulnerabilities found")

    monkeypatch.setattr(audit.subprocess, "run", run)
    return given


def test_all_are_sound(reporting: dict[str, Any]) -> None:
    assert [problem for lock in locks.LOCKS for problem in audit.audit(lock, [])] == []


def test_a_known_vulnerability_is_told(reporting: dict[str, Any]) -> None:
    flaw = {"id": "GHSA-0000", "fix_versions": ["18.1.1"]}
    reporting["av"] = {"version": "18.1.0", "vulns": [flaw]}
    assert audit.audit("cpu", []) == ["cpu: av 18.1.0: GHSA-0000, mended in 18.1.1"]


@pytest.mark.parametrize("said", [{"skip_reason": "Dependency not found on PyPI"}, "absent"])
def test_what_was_not_looked_up_is_not_taken_for_sound(reporting: dict[str, Any], said: Any) -> None:
    reporting["av"] = said
    assert audit.audit("cpu", []) == [f"cpu: 1 packages could not be looked up (av). {audit.NOT_AUDITED}"]


def test_data_that_cannot_be_reached_is_a_failure(reporting: dict[str, Any]) -> None:
    reporting["nothing"] = True
    (problem,) = audit.audit("cpu", [])
    assert problem.startswith("cpu: pip-audit could not look anything up: ConnectionError: no route.")
