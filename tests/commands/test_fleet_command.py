"""``livehead fleet`` where it cannot run: one line each, and what to do."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from livehead.cli import main


def failed(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    status = main(["fleet", *options])
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    return status, said.err


def test_without_ray(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in sys.modules if each == "ray" or each.startswith(("ray.", "livehead.fleet.ray."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ray", None)
    status, said = failed(capsys, "--data-dir", str(tmp_path))
    assert status == 1
    assert "Ray is not installed" in said
    assert "pip install 'livehead[fleet]'" in said


def test_a_data_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    status, said = failed(capsys, "--data-dir", str(tmp_path / "file"))
    assert status == 1
    assert f"The data folder {tmp_path}/file cannot be written" in said
    assert "--data-dir" in said


def test_an_address_that_does_not_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"ray://127.0.0.1:{probe.getsockname()[1]}"
        status, said = failed(capsys, "--data-dir", str(tmp_path), "--address", address)
    assert status == 1
    assert f"No Ray cluster answers at {address}" in said
    assert "ray start --head" in said


def test_a_cluster_without_a_folder_that_all_see(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIVEHEAD_DATA_DIR", raising=False)
    status, said = failed(capsys, "--address", "ray://127.0.0.1:1")
    assert status == 2
    assert "--data-dir is missing" in said
    assert "LIVEHEAD_BUCKET" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--replicas", "0"), "--replicas 0: expected a number from 1 to 999"),
        (("--replicas", "8-2", "--address", "ray://127.0.0.1:1"), "the first number is the smaller one"),
        (("--gpus-per-replica", "many"), "--gpus-per-replica many: expected a number from 0 to 16"),
        (("--host", "0.0.0.0"), "it has no keys"),
        (("--replica-urls", "a"), "Write replicas as a=http://"),
    ],
)
def test_bad_usage(options: tuple[str, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = failed(capsys, "--data-dir", str(tmp_path), *options)
    assert status == 2
    assert words in said
