"""``livehead doctor``: every look says what is wrong and what to do, and only failures fail."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from livehead import logs
from livehead.cli import main
from livehead.doctor import device, examination, packages
from livehead.doctor.device import survey
from livehead.doctor.finding import Finding, ok
from livehead.doctor.network import check_port, check_relays, check_tls
from livehead.doctor.packages import check_packages
from livehead.doctor.weights import check_weights
from livehead.engine.free_memory import free_gb
from livehead.errors import EngineError
from livehead.settings import Settings, load

CPU = {"torch": "2.8.0", "cuda": None, "error": None, "device": "cpu", "chosen": "sdpa", "attention": ["sdpa"]}


@pytest.fixture(autouse=True)
def _no_gpu_and_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    monkeypatch.setattr(device, "survey", lambda name: CPU)
    monkeypatch.setattr(device, "cuda_devices", lambda: 0)


def only(findings: Iterator[Finding]) -> Finding:
    (found,) = findings
    return found


def doctor(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, Mapping[str, Any], str]:
    """Exit code, the JSON object, and what stands on stderr."""
    code = main(["doctor", "--json", "--port", "0", *argv])
    said = capsys.readouterr()
    return code, json.loads(said.out.splitlines()[-1]), said.err


def test_a_machine_that_can_serve_is_fine(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, found, said = doctor(capsys, "--engine", "preview", "--data-dir", str(tmp_path))
    assert code == 0, found
    assert found["ok"]
    assert not said
    names = {each["name"] for each in found["findings"]}
    assert {"python", "packages", "cores", "memory", "driver", "weights", "engine", "codecs", "portraits"} <= names
    assert {"port", "tls", "turn"} <= names
    assert all(each["cure"] for each in found["findings"] if each["state"] != "ok")


def test_what_is_asked_for_and_cannot_be_had_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, found, said = doctor(capsys, "--engine", "flashhead", "--models", str(tmp_path))
    assert code == 1
    assert not found["ok"]
    assert said.count("\n") == 1
    failed = {each["name"]: each for each in found["findings"] if each["state"] == "fail"}
    assert {"driver", "weights", "engine"} <= failed.keys()
    assert "livehead models download lite" in failed["weights"]["cure"]


def test_the_same_is_only_a_warning_where_preview_will_do(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, found, _ = doctor(capsys, "--engine", "auto", "--models", str(tmp_path))
    assert code == 0
    states = {each["name"]: each["state"] for each in found["findings"]}
    assert (states["driver"], states["weights"], states["engine"]) == ("warn", "warn", "ok")


def test_people_get_lines_with_cures(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["doctor", "--port", "0", "--models", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("warn  weights"))
    assert "livehead models download lite" in lines[at + 1]


def test_a_download_that_broke_off_is_told_from_none(tmp_path: Path) -> None:
    folder = tmp_path / "SoulX-FlashHead-1_3B/Model_Lite"
    folder.mkdir(parents=True)
    (folder / "diffusion_pytorch_model.safetensors.partial").write_bytes(b"x")
    found = only(check_weights(load({"models": tmp_path})))
    assert found.state == "warn"
    assert "not completely downloaded" in found.detail


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = only(check_port(load({"port": port})))
    assert found.state == "fail"
    assert str(port) in found.detail
    assert "--port" in found.cure


@pytest.mark.parametrize(
    ("given", "state", "words"),
    [
        ({}, "ok", "127.0.0.1"),
        ({"host": "::1"}, "ok", "::1"),
        ({"host": "0.0.0.0"}, "warn", "HTTPS"),
        ({"tls_cert": "no.pem", "tls_key": "no.key"}, "fail", "no.pem"),
    ],
)
def test_browsers_want_https_from_elsewhere(given: dict[str, Any], state: str, words: str) -> None:
    found = only(check_tls(load(given)))
    assert found.state == state
    assert words in found.detail + found.cure


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({}, "ok"),
        ({"host": "0.0.0.0"}, "warn"),
        ({"turn_urls": ("turn:a.example:3478",)}, "fail"),
        ({"turn_secret": "hush"}, "warn"),
        ({"turn_urls": ("turn:a.example:3478",), "turn_secret": "hush"}, "ok"),
    ],
)
def test_turn_needs_an_address_and_a_secret(given: dict[str, Any], state: str) -> None:
    found = only(check_relays(load(given)))
    assert found.state == state
    assert "hush" not in found.detail + found.cure


def test_versions_that_are_wrong_and_packages_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"av": "17.0.2", "numpy": "2.4.6", "opencv-python-headless": "5.0.0.1"}

    def version(name: str) -> str:
        if name not in there:
            raise metadata.PackageNotFoundError(name)
        return there[name]

    wanted = ["av>=17.1", "numpy>=1.26", "opencv-python-headless<5,>=4.10", "aiortc>=1.14"]
    wanted.append("torch>=2.8 ; extra == 'flashhead'")
    wanted.append("ruff>=1; extra == 'test'")
    monkeypatch.setattr(packages.metadata, "requires", lambda name: wanted)
    monkeypatch.setattr(packages.metadata, "version", version)
    needed, flashhead = check_packages(load({"engine": "auto"}))
    assert needed.state == "fail"
    for words in ("av 17.0.2", ">=17.1", "opencv-python-headless 5.0.0.1", "<5", "aiortc is missing"):
        assert words in needed.detail
    assert "numpy" not in needed.detail
    assert (flashhead.state, flashhead.detail) == ("warn", "torch is missing")
    assert [each.state for each in check_packages(load({"engine": "flashhead"}))] == ["fail", "fail"]


def test_memory_is_what_a_container_leaves(tmp_path: Path) -> None:
    assert free_gb(4_000_000_000, tmp_path) == pytest.approx(4.0)
    (tmp_path / "memory.max").write_text("3000000000\n")
    (tmp_path / "memory.current").write_text("1000000000\n")
    assert free_gb(4_000_000_000, tmp_path) == pytest.approx(2.0)
    (tmp_path / "memory.max").write_text("max\n")
    assert free_gb(4_000_000_000, tmp_path) == pytest.approx(4.0)


def test_a_look_that_breaks_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def check_stars(settings: Settings) -> Iterator[Finding]:
        raise RuntimeError("clouds")

    def check_clocks(settings: Settings) -> Iterator[Finding]:
        yield ok("clocks", "ticking")

    monkeypatch.setattr(examination, "CHECKS", (check_stars, check_clocks))
    broken, fine = examination.examine(load({}))
    assert (broken.name, broken.state) == ("stars", "fail")
    assert "clouds" in broken.detail
    assert fine.state == "ok"


def test_a_pytorch_that_cannot_be_used_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> dict[str, Any]:
        raise EngineError("PyTorch cannot be used: libcudart.so is not there")

    monkeypatch.setattr(device, "survey", broken)
    monkeypatch.setattr(device, "cuda_devices", lambda: 1)
    found = {each.name: each for each in device.check_device(load({"engine": "flashhead"}))}
    if "torch" in found:  # nothing is said of a PyTorch that is not installed
        assert found["torch"].state == "fail"
        assert "libcudart" in found["torch"].detail


def test_pytorch_is_asked_in_a_process_with_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(words: list[str], *, timeout: float, **_: Any) -> None:
        raise subprocess.TimeoutExpired(words, timeout)

    monkeypatch.setattr(device.subprocess, "run", hang)
    with pytest.raises(EngineError, match="did not answer within 2 s"):
        survey("cpu", 2)


@pytest.mark.timeout(170)
def test_what_pytorch_says_of_the_processor() -> None:
    pytest.importorskip("torch", reason="needs the flashhead extra")
    before = set(sys.modules)
    found = survey("cpu", 150)
    assert found["error"] is None
    assert (found["device"], found["chosen"], found["attention"]) == ("cpu", "sdpa", ["sdpa"])
    module = "livehead.engine.flashhead.runtime.survey"
    assert not {name for name in set(sys.modules) - before if name.startswith(module)}


@pytest.mark.parametrize(
    ("free", "given", "state", "words"),
    [
        (78.0, {}, "ok", "78.0 of 80.0 GB are free; lite takes 6.2 GB at 512 px"),
        (5.9, {}, "warn", "--size 256 fits"),
        (78.0, {"memory": 6.0, "variant": "pro"}, "warn", "--variant lite --size 384 fits"),
        (3.0, {}, "warn", "Nothing fits below"),
    ],
)
def test_whether_one_stream_fits_on_the_gpu(
    free: float, given: dict[str, Any], state: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(device, "survey", lambda name: CPU | {"device": "Some Card", "memory_gb": [free, 80.0]})
    monkeypatch.setattr(device, "cuda_devices", lambda: 1)
    found = {each.name: each for each in device.check_device(load(given))}["GPU memory"]
    assert found.state == state
    assert words in f"{found.detail} {found.cure}"
