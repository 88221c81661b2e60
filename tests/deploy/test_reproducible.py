"""A release is the same bytes wherever it is made: in another folder, at another time, with another umask, locale and
time zone."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pages import ROOT

YEAR_2001 = 1_000_000_000


def checkout(folder: Path, *, mode: int, at: int | None = None) -> Path:
    """What git tracks of what is built, as it is here."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in sorted(tracked.stdout.split("\0")[:-1], reverse=bool(at)):
        if (ROOT / name).is_file() and not (ROOT / name).is_symlink():
            copy = folder / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy)
            copy.chmod(copy.stat().st_mode & 0o111 | mode)
            if at is not None:
                os.utime(copy, (at, at))
    return folder


def built(folder: Path, umask: int, **environment: str) -> dict[str, str]:
    """The SHA-256 of wheel and sdist."""
    given = {name: value for name, value in os.environ.items() if name not in ("SOURCE_DATE_EPOCH", "LC_ALL", "TZ")}
    command = [sys.executable, "-m", "hatchling", "build", "-d", "dist"]
    done = subprocess.run(
        command, cwd=folder, env=given | environment, umask=umask, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((folder / "dist").iterdir())}


def test_wheel_and_sdist_are_the_same_bytes_wherever_they_are_made(tmp_path: Path) -> None:
    here = built(checkout(tmp_path / "a", mode=0o644), 0o022, TZ="UTC", LC_ALL="C.UTF-8")
    elsewhere = checkout(tmp_path / "another folder" / "b", mode=0o600, at=YEAR_2001)
    there = built(elsewhere, 0o077, TZ="Pacific/Auckland", LC_ALL="tr_TR.UTF-8", PYTHONHASHSEED="7")
    assert {name.rpartition(".")[2] for name in here} == {"whl", "gz"}
    assert there == here


@pytest.mark.soak
def test_a_changed_line_changes_the_bytes(tmp_path: Path) -> None:
    folder = checkout(tmp_path, mode=0o644)
    before = built(folder, 0o022)
    with (folder / "server/livehead/__init__.py").open("a") as file:
        file.write("# another line\n")
    after = built(folder, 0o022)
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())
