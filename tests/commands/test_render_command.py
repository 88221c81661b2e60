"""``livehead render`` as a user runs it."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from livehead import logs
from livehead.cli import main

SPEECH = Path(__file__).parents[1] / "data" / "speech.flac"


@pytest.fixture(autouse=True)
def _logs_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "configure", lambda **_: None)


def render(portrait: str, out: Path) -> int:
    options = ("--audio", str(SPEECH), "--out", str(out), "--engine", "preview", "--size", "64")
    return main(["render", "--portrait", portrait, *options])


def test_a_built_in_portrait_is_known_by_its_id(tmp_path: Path) -> None:
    assert render("amara", tmp_path / "out.mp4") == 0
    with av.open(str(tmp_path / "out.mp4")) as video:
        assert (video.streams.video[0].width, video.streams.video[0].frames) == (64, 222)


def test_a_file_wins_over_an_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("amara").write_text("not an image")
    assert render("amara", tmp_path / "out.mp4") == 1
    assert "amara is not a PNG" in capsys.readouterr().err


def test_an_unknown_portrait_is_answered_with_those_that_exist(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert render("nobody", tmp_path / "out.mp4") == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "amara" in said.err
