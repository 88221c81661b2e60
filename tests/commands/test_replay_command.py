"""``livehead replay`` as a user runs it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

import fakes
from livehead import logs
from livehead.avatars import BUILTIN, load_portrait
from livehead.cli import main
from livehead.engine.preview.generator import create
from livehead.replay.header import Header
from livehead.replay.writer import ReplayWriter
from replay.headers import header
from replay.studio import Studio


@pytest.fixture(autouse=True)
def _logs_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "configure", lambda **_: None)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of the preview engine at 64 pixels."""
    studio = Studio(tmp_path_factory.mktemp("recordings"), create(size=64))
    studio.show(load_portrait(BUILTIN / "amara.png"))
    studio.run(0.5)
    studio.hear(np.sin(np.arange(16_000 * 3) / 9).astype(np.float32) / 2)
    studio.run(3)
    return studio.close()


def replay(session: Path, out: Path, *options: str) -> int:
    return main(["replay", str(session), "--out", str(out), *options])


def test_the_session_becomes_a_film(session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(session, tmp_path / "a.mp4") == 0
    assert "with the windows of the session" in capsys.readouterr().out
    with av.open(str(tmp_path / "a.mp4")) as film:
        video, audio = film.streams.video[0], film.streams.audio[0]
        assert (video.width, video.height) == (64, 64)
        assert abs(float(video.duration * video.time_base) - float(audio.duration * audio.time_base)) < 0.04  # type: ignore[operator]
        assert 80 < video.frames < 90
        assert film.metadata["comment"].startswith("This video is synthetic")
    again = tmp_path / "b.mp4"
    assert replay(session, again) == 0
    assert again.read_bytes() == (tmp_path / "a.mp4").read_bytes()


@pytest.mark.parametrize(
    "options", [("--size", "96"), ("--latency", "throughput"), ("--recut",), ("--engine", "preview", "--size", "128")]
)
def test_another_size_or_preset_makes_windows_of_its_own(
    options: tuple[str, ...], session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(session, tmp_path / "a.mp4", *options) == 0
    assert "with windows of its own" in capsys.readouterr().out
    with av.open(str(tmp_path / "a.mp4")) as film:
        size = int(options[-1]) if "--size" in options else 64
        assert film.streams.video[0].width == size


def test_the_same_engine_and_preset_by_name_is_the_same(
    session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--engine", "preview", "--latency", "low", "--size", "64")
    assert replay(session, tmp_path / "a.mp4", *options) == 0
    assert "with the windows of the session" in capsys.readouterr().out


def test_a_file_that_was_cut_becomes_a_film_and_is_said_to_be(
    session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.lhr").write_bytes(session.read_bytes()[:-3000])
    assert replay(tmp_path / "a.lhr", tmp_path / "a.mp4") == 0
    assert "was cut short" in capsys.readouterr().out
    with av.open(str(tmp_path / "a.mp4")) as film:
        assert film.streams.video[0].frames > 20


def test_other_weights_are_mentioned(
    session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Header, "made_alike", lambda self, info: False)
    assert replay(session, tmp_path / "a.mp4") == 0
    assert "pictures may differ a little" in capsys.readouterr().out


def other_engine(path: Path) -> Path:
    with path.open("wb") as file:
        writer = ReplayWriter(file, header())
        writer.opened(1, fakes.portrait(1), 1, "one")
        writer.sent(0, 0, None, fakes.audio())
        writer.end("closed")
    return path


@pytest.mark.parametrize(
    ("name", "out", "code", "says"),
    [
        ("none.lhr", "a.mp4", 1, "There is no replay file"),
        ("text.lhr", "a.mp4", 1, "is not a replay file"),
        ("fake.lhr", "a.mp4", 2, "choose one of here with --engine"),
        ("fake.lhr", "a.avi", 2, "must end in .mp4"),
    ],
)
def test_a_mistake_is_one_line(
    name: str, out: str, code: int, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.lhr").write_text("no")
    other_engine(tmp_path / "fake.lhr")
    options = ("--engine", "preview", "--size", "64") if out.endswith("avi") else ()
    assert replay(tmp_path / name, tmp_path / out, *options) == code
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert not list(tmp_path.glob("*.mp4"))
