"""``livehead doctor``: every check says what is wrong and what to do, and only failures fail."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from doctor.fake_environment import FakeEnvironment
from livehead import logs
from livehead.cli import main
from livehead.commands import doctor
from livehead.doctor import examination
from livehead.doctor.environment import Environment
from livehead.doctor.finding import Finding, ok
from livehead.settings import Settings, load


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeEnvironment:
    """One without a card, and without weights in its working directory."""
    fake = FakeEnvironment(memory_free_gb=16.0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    monkeypatch.setattr(doctor, "Environment", lambda: fake)
    return fake


def examined(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, Mapping[str, Any], str]:
    """Exit code, the JSON object, and what stands on stderr."""
    code = main(["doctor", "--json", "--port", "0", *argv])
    said = capsys.readouterr()
    return code, json.loads(said.out.splitlines()[-1]), said.err


def test_a_machine_that_can_serve_is_fine(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, found, said = examined(capsys, "--engine", "preview", "--data-dir", str(tmp_path))
    assert code == 0, found
    assert found["ok"]
    assert not said
    names = {each["name"] for each in found["findings"]}
    assert {"python", "packages", "cores", "memory", "disk", "clock", "driver", "weights", "engine", "codecs"} <= names
    assert {"portraits", "port", "secure origin", "udp", "turn"} <= names
    assert "docker" not in names
    assert all(each["cure"] for each in found["findings"] if each["state"] != "ok")
    assert not any("\n" in each["detail"] + each["cure"] for each in found["findings"])


def test_what_is_asked_for_and_cannot_be_had_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, found, said = examined(capsys, "--engine", "flashhead", "--models", str(tmp_path))
    assert code == 1
    assert not found["ok"]
    assert said.count("\n") == 1
    failed = {each["name"]: each for each in found["findings"] if each["state"] == "fail"}
    assert {"driver", "torch", "weights", "engine"} <= failed.keys()
    assert "livehead models download lite" in failed["weights"]["cure"]
    assert {failed[name]["group"] for name in ("driver", "weights")} == {"flashhead"}


def test_the_same_is_only_a_warning_where_preview_will_do(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, found, _ = examined(capsys, "--engine", "auto", "--models", str(tmp_path))
    assert code == 0
    states = {each["name"]: each["state"] for each in found["findings"]}
    assert (states["driver"], states["weights"], states["engine"]) == ("warn", "warn", "ok")


def test_people_get_lines_with_cures_and_what_flashhead_lacks_in_order(
    capsys: pytest.CaptureFixture[str], machine: FakeEnvironment
) -> None:
    machine.programs = {}
    assert main(["doctor", "--port", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("warn  weights"))
    assert "livehead models download lite" in lines[at + 1]
    steps = [line.strip() for line in lines[lines.index("For FlashHead this is missing, in the order to do it:") :]]
    assert [line.partition(":")[0] for line in steps if line[:1].isdigit()] == [
        "1. driver",
        "2. torch",
        "3. compiler",
        "4. weights",
    ]
    assert "preview" in steps[-1]


@pytest.mark.parametrize(("engine", "shown"), [("preview", False), ("flashhead", True)])
def test_who_wants_preview_hears_nothing_of_flashhead(
    engine: str, shown: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["doctor", "--port", "0", "--engine", engine])
    assert ("For FlashHead this is missing" in capsys.readouterr().out) == shown


def test_docker_is_checked_where_somebody_asks(capsys: pytest.CaptureFixture[str]) -> None:
    _, found, _ = examined(capsys, "--docker")
    assert {each["name"] for each in found["findings"] if each["group"] == "docker"} == {"docker"}


def test_a_check_that_breaks_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def check_stars(settings: Settings, environment: Environment) -> Iterator[Finding]:
        raise RuntimeError("clouds")

    def check_clocks(settings: Settings, environment: Environment) -> Iterator[Finding]:
        yield ok("clocks", "ticking")

    monkeypatch.setattr(examination, "CHECKS", {"network": (check_stars, check_clocks)})
    broken, fine = examination.examine(load({}), FakeEnvironment())
    assert (broken.name, broken.state, broken.group) == ("stars", "fail", "network")
    assert "clouds" in broken.detail
    assert fine.state == "ok"
