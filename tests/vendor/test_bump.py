"""``livehead vendor bump``: what is stale after a change of the model, torch or CUDA."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from livehead.cli import main
from livehead.commands import vendor
from livehead.errors import LiveheadError
from livehead.settings import EngineSettings
from livehead.vendor import bump
from livehead.vendor.bump import Line, check, record, run_first_step
from livehead.vendor.interpreter import Interpreter
from livehead.vendor.sources import Sources, WheelList
from livehead.vendor.wheels import read_wheels

FITS = Interpreter("cp312", "linux_x86_64", "2.8.0+cu128", "12.8", True)
NEWER = Interpreter("cp312", "linux_x86_64", "2.13.0+cu130", "13.0", True)
DATA = b"a wheel"
WHEEL = "flash_attn-2.8.3+cu12torch2.8cxx11abiTRUE-cp312-cp312-linux_x86_64.whl"


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    url = f"https://a.example/{WHEEL.replace('+', '%2B')}"
    (tmp_path / "list.txt").write_text(f"{url}#sha256={hashlib.sha256(DATA).hexdigest()}\n")
    return Sources((), (), (WheelList("flash-attn", tmp_path / "list.txt", "BSD-3-Clause", "attention"),))


@pytest.fixture
def engine(tmp_path: Path) -> EngineSettings:
    (tmp_path / "vendor").mkdir()
    return EngineSettings(vendor_dir=tmp_path / "vendor")


def checked(sources: Sources, engine: EngineSettings, here: Interpreter) -> dict[str, Line]:
    return {line.name: line for line in check(sources, engine, engine.vendor_dir / "models", here)}


def test_a_combination_that_was_seen_to_work(
    sources: Sources, engine: EngineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bump, "installed", lambda name: "2.8.3")
    (engine.vendor_dir / WHEEL).write_bytes(DATA)
    record(engine.vendor_dir, sources, FITS, "lite")
    found = checked(sources, engine, FITS)
    assert {line.state for line in found.values()} == {"ok"}, found


def test_after_a_bump_of_torch_all_that_depends_on_it_is_stale(
    sources: Sources, engine: EngineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bump, "installed", lambda name: "2.8.3")
    record(engine.vendor_dir, sources, FITS, "lite")
    found = checked(sources, engine, NEWER)
    assert found["wheel list"].state == "stale"
    assert "list.txt" in found["wheel list"].cure
    assert found["first film"].state == "stale"
    assert "torch was 2.8.0+cu128, is 2.13.0+cu130" in found["first film"].detail
    assert found["installed wheel"].state == "unknown"


@pytest.mark.parametrize(
    ("files", "version", "stale"),
    [
        ({}, None, {"wheel file"}),
        ({WHEEL: b"another"}, None, {"wheel file"}),
        ({WHEEL: DATA, WHEEL.replace("torch2.8", "torch2.7"): DATA}, None, {"wheel file"}),
        ({WHEEL: DATA}, "2.7.4", {"installed wheel"}),
        ({WHEEL: DATA}, None, set()),
    ],
)
def test_the_wheel(
    files: dict[str, bytes],
    version: str | None,
    stale: set[str],
    sources: Sources,
    engine: EngineSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bump, "installed", lambda name: version)
    for name, data in files.items():
        (engine.vendor_dir / name).write_bytes(data)
    found = checked(sources, engine, FITS)
    assert {line.name for line in found.values() if line.state == "stale"} == stale
    assert all(line.cure for line in found.values() if line.state == "stale")


def test_the_command_says_what_is_stale_and_fails(
    sources: Sources,
    engine: EngineSettings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vendor, "read_sources", lambda path: sources)
    monkeypatch.setattr(vendor, "ask_interpreter", lambda: NEWER)
    given = ["vendor", "bump", "--check", "--vendor-dir", str(engine.vendor_dir)]
    assert main([*given, "--json"]) == 1
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    found = json.loads(said.out)
    assert not found["ok"]
    assert {each["state"] for each in found["checks"]} <= {"ok", "stale", "unknown"}
    assert main(given) == 1
    assert "stale    wheel list" in capsys.readouterr().out
    monkeypatch.setattr(vendor, "ask_interpreter", lambda: Interpreter("cp312", "linux_x86_64", "2.13.0+cpu"))
    assert main(given) == 0  # what cannot be told here is no fault


def test_a_film_that_cannot_be_made_is_told_in_its_own_words(
    engine: EngineSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[command.index("--engine") + 1] == "flashhead"
        return subprocess.CompletedProcess(command, 1, "", "noise\nlivehead: there is no CUDA device\n")

    monkeypatch.setattr(bump.subprocess, "run", run)
    with pytest.raises(LiveheadError, match="No film could be made: there is no CUDA device"):
        run_first_step(engine, tmp_path)


def test_a_film_that_was_made_is_noted(
    sources: Sources,
    engine: EngineSettings,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vendor, "read_sources", lambda path: sources)
    monkeypatch.setattr(vendor, "ask_interpreter", lambda: FITS)
    monkeypatch.setattr(vendor, "run_first_step", lambda *_: "1.0 s, 25 frames")
    monkeypatch.setattr(bump, "installed", lambda name: None)
    (engine.vendor_dir / WHEEL).write_bytes(DATA)
    assert main(["vendor", "bump", "--vendor-dir", str(engine.vendor_dir)]) == 0
    assert "ok       first film" in capsys.readouterr().out
    assert read_wheels(sources.wheels[0].list)[0].name == WHEEL


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_first_film_with_a_tiny_model_on_the_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="needs the flashhead extra")
    assert main(["models", "synthesize", str(tmp_path), "--tiny", "--variant", "lite"]) == 0
    monkeypatch.setenv("LIVEHEAD_SIZE", "128")
    said = run_first_step(EngineSettings(device="cpu"), tmp_path, 500)
    assert "25 frames" in said
