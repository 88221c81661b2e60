"""deploy/livehead.service: systemd takes it, what it starts exists, and it can do little else."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from compose_file import DEPLOY
from dotenv import dotenv_values

from livehead.cli import build_parser
from livehead.settings import Settings, load, stages

UNIT = DEPLOY / "livehead.service"
EXAMPLE = DEPLOY / "livehead.env.example"
EXPOSURE = 2.0
"""Out of 10, as ``systemd-analyze security`` counts. It is on the network, and has a GPU."""


def values(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), flags=re.MULTILINE)


def analyze(*words: str | Path) -> str:
    done = subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    """With a command in place of /opt/livehead, which is not there."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/livehead/bin/livehead", "/bin/true"))
    assert analyze("verify", "--man=no", unit).strip() == ""


def test_it_can_do_little() -> None:
    said = analyze("security", "--offline=true", UNIT)
    (found,) = re.findall(r"Overall exposure level for livehead.service: ([\d.]+)", said)
    assert float(found) <= EXPOSURE


def test_what_it_starts_is_understood() -> None:
    (command,) = values("ExecStart")
    program, *words = command.split()
    assert program == "/opt/livehead/bin/livehead"
    assert build_parser().parse_args(words).run.__module__ == "livehead.commands.serve"


def test_it_is_given_time_to_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = with_example(monkeypatch)
    (limit,) = values("TimeoutStopSec")
    assert settings.server.drain_seconds + 15 <= float(limit)


def with_example(monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in dotenv_values(EXAMPLE).items():
        monkeypatch.setenv(name, value or "")
    return load({})


def test_the_environment_file_holds_settings_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = with_example(monkeypatch)
    assert settings.server.trusted_proxies == ("127.0.0.1",)
    assert settings.access.open_routes == ("metrics",)
    names = {f"LIVEHEAD_{field.upper()}" for stage in stages() for field in stage.model_fields}
    written = re.findall(r"^#?(LIVEHEAD_\w+)=", EXAMPLE.read_text(), flags=re.MULTILINE)
    assert set(written) <= names
    assigned = re.findall(r"(LIVEHEAD_\w+)=", " ".join(values("Environment")))
    assert set(assigned) <= names


def test_it_writes_below_its_own_folders_only() -> None:
    assert values("ProtectSystem") == ["strict"]
    folders = re.findall(r"=(%[SC]/\S+)", " ".join(values("Environment")))
    states = {f"%S/{name}" for name in values("StateDirectory")[0].split()} | {f"%C/{values('CacheDirectory')[0]}"}
    assert folders
    assert all(any(folder == each or folder.startswith(f"{each}/") for each in states) for folder in folders)
