"""``livehead render`` as a user runs it."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from livehead import logs
from livehead.avatars import builtin_avatars
from livehead.cli import main

SPEECH = Path(__file__).parents[1] / "data" / "speech.flac"


@pytest.fixture(autouse=True)
def _logs_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "configure", lambda **_: None)


def render(portrait: str, out: Path, *more: str) -> int:
    options = (*more, "--audio", str(SPEECH), "--out", str(out), "--engine", "preview", "--size", "64")
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
    assert "amara is no PNG" in capsys.readouterr().err


def test_an_unknown_portrait_is_answered_with_those_that_exist(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert render("nobody", tmp_path / "out.mp4") == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "amara" in said.err


def test_help_names_every_built_in_portrait(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["render", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert f"the id of a built-in portrait: {', '.join(avatar.id for avatar in builtin_avatars())}" in said


@pytest.mark.parametrize(("look", "height"), [("#00ff00", 64), ("transparent", 128)])
def test_a_look_is_in_the_film(tmp_path: Path, look: str, height: int) -> None:
    assert render("amara", tmp_path / "out.mp4", "--look", look) == 0
    with av.open(str(tmp_path / "out.mp4")) as video:
        first = next(video.decode(video=0)).to_ndarray(format="rgb24")
    assert first.shape == (height, 64, 3)
    corner = first[:6, :6].mean((0, 1))
    if look == "transparent":
        assert first[64:70, :6].max() < 40  # alpha: nobody is there
    else:
        assert corner[1] > 200 > 80 > max(corner[0], corner[2])


@pytest.mark.parametrize(
    ("look", "said"), [("#12", "expected keep, #rrggbb"), ("nobody.png", "There is no image at nobody.png")]
)
def test_a_look_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], look: str, said: str) -> None:
    assert render("amara", tmp_path / "out.mp4", "--look", look) != 0
    assert said in capsys.readouterr().err
