"""What is kept is there whole or not at all."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
from collections import namedtuple
from pathlib import Path

import pytest

from livehead.errors import DiskFullError, StoreError
from livehead.store import files


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def test_a_file_is_replaced_whole_and_is_for_this_user_only(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    files.write_file(path, b"first")
    files.write_file(path, b"second")
    assert path.read_bytes() == b"second"
    assert path.stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == {"record.json"}


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record.json"
    files.write_file(path, b"first")

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DiskFullError, match="no room left"):
        files.write_file(path, b"second")
    assert path.read_bytes() == b"first"
    assert names(tmp_path) == {"record.json"}


def test_a_folder_appears_at_the_end_of_the_block(tmp_path: Path) -> None:
    path = tmp_path / "above" / "p-1"
    with files.new_folder(path) as folder:
        (folder / "image").write_bytes(b"pixels")
        assert not path.exists()
    assert (path / "image").read_bytes() == b"pixels"
    assert path.stat().st_mode & 0o777 == 0o700
    assert names(path.parent) == {"p-1"}


def make_folder(path: Path, content: bytes) -> None:
    with files.new_folder(path) as folder:
        (folder / "image").write_bytes(content)
        if not content:
            raise ValueError("no content")


def test_a_folder_that_is_not_finished_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no content"):
        make_folder(tmp_path / "p-1", b"")
    assert names(tmp_path) == set()


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    make_folder(tmp_path / "p-1", b"first")
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "p-1", b"second")
    assert (tmp_path / "p-1" / "image").read_bytes() == b"first"
    assert names(tmp_path) == {"p-1"}


def test_where_nothing_can_be_written_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="--data-dir"), files.new_folder(tmp_path / "file" / "p-1"):
        pass


def test_what_is_removed_is_gone_and_may_be_removed_again(tmp_path: Path) -> None:
    make_folder(tmp_path / "p-1", b"pixels")
    files.write_file(tmp_path / "record.json", b"{}")
    for _ in range(2):
        files.remove(tmp_path / "p-1")
        files.remove(tmp_path / "record.json")
    assert names(tmp_path) == set()


def test_only_what_nobody_is_writing_is_swept(tmp_path: Path) -> None:
    with files.new_folder(tmp_path / "kept"):
        (tmp_path / f"{files.TEMPORARY}file").write_bytes(b"half")
        (tmp_path / f"{files.TEMPORARY}folder").mkdir()
        (tmp_path / f"{files.TEMPORARY}folder" / "image").write_bytes(b"half")
        assert files.sweep(tmp_path) == 2
    assert names(tmp_path) == {"kept"}
    assert files.sweep(tmp_path / "nowhere") == 0


def test_a_writer_that_is_killed_leaves_nothing_half(tmp_path: Path) -> None:
    """Killed where everything is written and nothing renamed yet."""
    program = f"""
        import os, signal
        from pathlib import Path
        from livehead.store import files
        files._rename = lambda folder, path: os.kill(os.getpid(), signal.SIGKILL)
        with files.new_folder(Path({str(tmp_path)!r}) / "p-1") as folder:
            (folder / "image").write_bytes(b"pixels")
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 1
    assert not (tmp_path / "p-1").exists()
    assert files.sweep(tmp_path) == 1
    assert names(tmp_path) == set()


def test_room_is_left_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: usage(10**12, 0, 600 * 10**6))
    files.check_room(tmp_path / "not" / "yet", 600)
    with pytest.raises(DiskFullError, match="600 MB left and 601 MB"):
        files.check_room(tmp_path / "not" / "yet", 601)
