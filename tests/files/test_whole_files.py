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
from livehead.files import locks, room
from livehead.files import whole as files


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


def test_a_folder_to_work_in_is_gone_at_the_end(tmp_path: Path) -> None:
    parent = tmp_path / "above"
    with files.scratch_folder(parent) as folder:
        (folder / "image").write_bytes(b"pixels")
        assert folder.stat().st_mode & 0o777 == 0o700
        assert all(name.startswith(files.TEMPORARY) for name in names(parent))
    assert names(parent) == set()
    with pytest.raises(ValueError, match="no content"), files.scratch_folder(parent):
        raise ValueError("no content")
    assert names(parent) == set()


def test_where_nothing_can_be_written_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="--data-dir"), files.scratch_folder(tmp_path / "file" / "p-1"):
        pass


def test_what_is_removed_is_gone_and_may_be_removed_again(tmp_path: Path) -> None:
    (tmp_path / "p-1").mkdir()
    files.write_file(tmp_path / "p-1" / "image", b"pixels")
    files.write_file(tmp_path / "record.json", b"{}")
    for _ in range(2):
        files.remove(tmp_path / "p-1")
        files.remove(tmp_path / "record.json")
    assert names(tmp_path) == set()


def test_only_what_nobody_is_writing_is_swept(tmp_path: Path) -> None:
    with files.scratch_folder(tmp_path) as kept:
        (tmp_path / f"{files.TEMPORARY}file").write_bytes(b"half")
        (tmp_path / f"{files.TEMPORARY}folder").mkdir()
        (tmp_path / f"{files.TEMPORARY}folder" / "image").write_bytes(b"half")
        assert files.sweep(tmp_path) == 2
        assert kept.exists()
        assert len(names(tmp_path)) == 2
    assert files.sweep(tmp_path / "nowhere") == 0


@pytest.mark.parametrize("step", ["os.fsync", "Path.replace"])
def test_a_writer_that_is_killed_leaves_nothing_half(tmp_path: Path, step: str) -> None:
    program = f"""
        import os, signal
        from pathlib import Path
        from livehead.files import whole as files
        folder = Path({str(tmp_path)!r})
        files.write_file(folder / "record.json", b"first")
        {step} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        with files.scratch_folder(folder) as scratch:
            (scratch / "image").write_bytes(b"pixels")
            files.write_file(folder / "record.json", b"second")
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert (tmp_path / "record.json").read_bytes() == b"first"
    assert len(names(tmp_path)) == 4
    assert files.sweep(tmp_path) == 2
    assert names(tmp_path) == {"record.json"}


def test_one_process_at_a_time_has_its_turn(tmp_path: Path) -> None:
    with locks.turn(tmp_path / "turn") as first, locks.turn(tmp_path / "turn", wait=False) as second:
        assert (first, second) == (True, False)
    with locks.turn(tmp_path / "turn", wait=False) as third:
        assert third
    assert names(tmp_path) == set()


def test_room_is_left_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: usage(10**12, 0, 600 * 10**6))
    room.check_room(tmp_path / "not" / "yet", 600)
    with pytest.raises(DiskFullError, match="600 MB left and 601 MB"):
        room.check_room(tmp_path / "not" / "yet", 601)
