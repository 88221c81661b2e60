"""Exit codes and the one line a user gets."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

import livehead
from livehead import logs
from livehead.cli import main
from livehead.engine.choice import choose
from livehead.errors import EngineError
from livehead.settings import EngineSettings
from udp_ports import free_ports


@pytest.fixture(autouse=True)
def _logs_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "configure", lambda **_: None)


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str]:
    """Exit code and what stands on stderr."""
    try:
        code = main(argv)
    except SystemExit as end:
        code = int(end.code or 0)
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "COMMAND"),
        (["dance"], "dance"),
        (["serve", "--nonsense"], "--nonsense"),
        (["serve", "--port", "many"], "--port"),
        (["serve", "--port", "70000"], "65535"),
        (["serve", "--engine", "warp"], "preview"),
        (["serve", "--latency", "warp"], "balanced"),
        (["serve", "--max-sessions", "0"], "--max-sessions"),
        (["serve", "--tls-cert", "cert.pem"], "tls_key"),
        (["serve", "--tls-cert", "no.pem", "--tls-key", "no.key"], "no.pem"),
        (["serve", "--engine", "preview", "--portrait", "nobody.png"], "nobody.png"),
        (["serve", "--udp-ports", "50000"], "as 50000-50099"),
        (["serve", "--udp-ports", "some-more"], "as 50000-50099"),
        (["serve", "--udp-ports", "50099-50000"], "50000-50099"),
        (["serve", "--udp-ports", "80-90"], "1024 to 65535"),
        (["serve", "--udp-ports", "65000-70000"], "1024 to 65535"),
        (["serve", "--engine", "preview", "--udp-ports", "50000-50001", "--max-sessions", "3"], "Give more ports"),
        (["serve", "--public-address", "198.51.100.7:3478"], "without a port"),
        (["serve", "--public-address", "198.51.100.700"], "is no address"),
        (["serve", "--public-address", "0.0.0.0"], "could send to"),
        (["serve", "--public-address", "fe80::1"], "could send to"),
        (["serve", "--public-address", "fe80::1%eth0"], "is no address"),
        (["serve", "--public-address", "198.51.100.7,,"], "is no address"),
        (["serve", "--engine", "preview", "--public-address", "nowhere.invalid"], "no address is known"),
        (["render"], "--portrait"),
        (["render", "--portrait", "a.png", "--audio", "b.wav", "--out", "c.mp4", "--seed", "x"], "--seed"),
    ],
)
def test_bad_usage_is_2_and_one_line(capsys: pytest.CaptureFixture[str], argv: list[str], words: str) -> None:
    code, said = run(capsys, *argv)
    assert code == 2
    assert said.count("\n") == 1
    assert words in said


def test_a_bad_environment_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEHEAD_MAX_SESSIONS", "lots")
    code, said = run(capsys, "serve")
    assert code == 2
    assert "LIVEHEAD_MAX_SESSIONS" in said


def test_a_port_in_use_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, said = run(capsys, "serve", "--engine", "preview", "--port", port)
    assert code == 1
    assert said.count("\n") == 1
    assert port in said
    assert "--port" in said


def test_udp_ports_that_others_have_are_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    ports = free_ports(2)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        one.bind(("127.0.0.1", ports[0]))
        two.bind(("127.0.0.1", ports[1]))
        code, said = run(capsys, "serve", "--engine", "preview", "--udp-ports", f"{ports[0]}-{ports[1]}")
    assert code == 2
    assert said.count("\n") == 1
    assert "other programs have all of these ports" in said


def test_a_file_that_is_not_there_is_1(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = str(tmp_path / "out.mp4")
    code, said = run(capsys, "render", "--portrait", "no.png", "--audio", "no.wav", "--out", out, "--engine", "preview")
    assert code == 1
    assert said.count("\n") == 1
    assert "no.png" in said


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert livehead.__version__ in capsys.readouterr().out


def test_auto_falls_back_to_preview_and_says_why(tmp_path: Path) -> None:
    choice = choose(EngineSettings(models=tmp_path))
    assert choice.name == "preview"
    assert "flashhead" in choice.reason


def test_flashhead_without_weights_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="livehead models download"):
        choose(EngineSettings(engine="flashhead", device="cpu", models=tmp_path))
