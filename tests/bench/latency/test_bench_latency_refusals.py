"""What the command cannot measure, it says in one line or counts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.latency.command import bench
from livehead.cli import main


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--url", "http://127.0.0.1:9"), 1, "cannot be reached"),
        (("--url", "ftp://example"), 2, "--url"),
        (("--sessions", "0"), 2, "--sessions"),
        (("--sessions", "1.5"), 2, "whole"),
        (("--seconds", "soon"), 2, "--seconds"),
        (("--loss", "2"), 2, "--loss"),
        (("--rate", "1"), 2, "--rate"),
        (("--histogram", "latency.doc"), 2, ".png or .svg"),
        (("--audio", "/none.wav"), 2, "/none.wav"),
        (("--latency", "none"), 2, "--latency"),
    ],
)
@pytest.mark.may_block("the command has an event loop of its own")
def test_what_cannot_be_measured_is_said_in_one_line(
    options: tuple[str, ...], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        sys.exit(main(["bench", "latency", *options]))
    assert ended.value.code == code
    said = capsys.readouterr()
    assert said.out == ""
    assert words in said.err
    assert said.err.count("\n") == 1


@pytest.mark.soak
def test_a_server_that_does_not_start_is_said_in_one_line(tmp_path: Path) -> None:
    done = bench("--engine", "flashhead", "--models", str(tmp_path), "--seconds", "3")
    assert done.returncode == 1
    assert "flashhead" in done.stderr
    assert done.stderr.count("\n") == 1
