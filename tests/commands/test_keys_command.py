"""livehead keys, and what a server makes of them."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from livehead import logs
from livehead.access.key_file import read_keys
from livehead.access.keys import KEY
from livehead.cli import main
from serving import running
from waiting import patient


@pytest.fixture(autouse=True)
def _logs_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "configure", lambda **_: None)


def livehead(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    code = main(argv)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_key_is_printed_once_and_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = livehead(capsys, "keys", "new", "alice")
    assert code == 0
    assert KEY.fullmatch(out.removesuffix("\n"))
    path = tmp_path / "data" / "keys"
    assert out.strip() not in err + path.read_text()
    [key] = read_keys(path)
    assert key.name == "alice"
    code, out, _ = livehead(capsys, "keys", "list")
    assert code == 0
    assert out.split() == ["NAME", "ID", "CREATED", "alice", key.id, key.created]


def test_a_key_replaces_another_of_its_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = ("--keys", str(tmp_path / "keys"))
    for name in ("alice", "alice", "bob"):
        assert livehead(capsys, "keys", "new", name, *file)[0] == 0
    old, new, other = read_keys(tmp_path / "keys")
    assert livehead(capsys, "keys", "revoke", old.id, *file)[0] == 0
    assert read_keys(tmp_path / "keys") == (new, other)
    assert livehead(capsys, "keys", "revoke", "alice", *file)[0] == 0
    assert read_keys(tmp_path / "keys") == (other,)
    code, _, err = livehead(capsys, "keys", "revoke", "alice", *file)
    assert code == 2
    assert "livehead keys list" in err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["new", "a b"], "letters"),
        (["new", "../alice"], "letters"),
        (["revoke", "alice"], "no key file"),
    ],
)
def test_bad_usage_is_2_and_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, argv: list[str], words: str
) -> None:
    code, out, err = livehead(capsys, "keys", *argv, "--keys", str(tmp_path / "keys"))
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert words in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_server_without_keys_keeps_to_this_machine(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, host: str
) -> None:
    code, out, err = livehead(capsys, "serve", "--host", host, "--port", "0", "--data-dir", str(tmp_path))
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert "livehead keys new" in err
    assert "--insecure" in err


def test_a_key_file_that_is_not_there_is_2_and_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, err = livehead(capsys, "serve", "--port", "0", "--keys", str(tmp_path / "none"))
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert "livehead keys new" in err


def _new(path: Path, name: str) -> str:
    command = [sys.executable, "-m", "livehead", "keys", "new", name, "--keys", str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.soak
async def test_keys_are_rotated_while_the_server_runs(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    old = _new(path, "alice")
    with running(tmp_path, "--engine", "preview", "--size", "64", "--host", "0.0.0.0", "--keys", str(path)) as server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")

        async def status(key: str) -> int:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"{url}/v1/info", headers={"Authorization": f"Bearer {key}"})).status_code

        assert await status(old) == 200
        new = _new(path, "alice")
        assert await status(new) == 401
        server.process.send_signal(signal.SIGHUP)
        async with patient(10):
            while await status(new) != 200:  # noqa: ASYNC110 - another process is waited for
                await asyncio.sleep(0.05)
        assert await status(old) == 200
        log = server.log.read_text()
    assert old not in log
    assert new not in log
