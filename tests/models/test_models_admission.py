"""Weights that are not what was downloaded, or published, are refused at the start."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from livehead.errors import CheckpointError
from livehead.models import admission
from livehead.models.admission import admit
from livehead.models.pins import Pin
from livehead.models.records import Record, write_record

DATA = bytes(range(256)) * 64
PIN = Pin("owner/repo", "f" * 40, "repo", "model.bin", ("lite",), len(DATA), hashlib.sha256(DATA).hexdigest())
CONFIG = Pin("owner/repo", "f" * 40, "repo", "config.json", ("lite",))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "repo").mkdir()
    (tmp_path / PIN.local).write_bytes(DATA)
    return tmp_path


def flip(path: Path, at: int = 5_000) -> None:
    """One bit of one byte, with nothing else changed but the time."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))


def test_sound_files_are_hashed_once(root: Path) -> None:
    assert admit([PIN], root) == 1
    assert admit([PIN], root) == 0
    os.utime(root / PIN.local, (1, 1))
    assert admit([PIN], root) == 1


def test_a_flipped_bit_is_refused_and_stays_refused(root: Path) -> None:
    flip(root / PIN.local)
    for _ in range(2):
        with pytest.raises(CheckpointError, match=r"model.bin is not the file .*models download lite"):
            admit([PIN], root)


def test_a_bit_that_is_flipped_after_a_sound_start_is_refused(root: Path) -> None:
    assert admit([PIN], root) == 1
    flip(root / PIN.local)
    with pytest.raises(CheckpointError):
        admit([PIN], root)


def test_a_downloaded_file_is_what_was_downloaded(root: Path) -> None:
    """Also one whose hash only the hub knew."""
    (root / CONFIG.local).write_text("{}")
    assert admit([CONFIG], root) == 0, "nobody knows what it should be"
    found = hashlib.sha256(b"{}").hexdigest()
    write_record(root, CONFIG.local, Record(CONFIG.repo, CONFIG.revision, 2, found))
    assert admit([CONFIG], root) == 1
    (root / CONFIG.local).write_text("[]")
    with pytest.raises(CheckpointError):
        admit([CONFIG], root)


def test_a_downloaded_file_that_was_cut_short_is_refused(root: Path) -> None:
    write_record(root, PIN.local, Record(PIN.repo, PIN.revision, len(DATA), PIN.sha256 or ""))
    (root / PIN.local).write_bytes(DATA[:-1])
    with pytest.raises(CheckpointError):
        admit([PIN], root)


def test_a_note_of_other_hashes_or_none_at_all_is_not_believed(root: Path) -> None:
    assert admit([PIN], root) == 1
    note = root / admission.NAME
    for text in (json.dumps({PIN.local.as_posix(): [len(DATA), 0, "0" * 64]}), "[]", "{", ""):
        note.write_text(text)
        assert admit([PIN], root) == 1, text


def test_somebodys_own_weights_are_read(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / PIN.local).write_bytes(b"synthetic")
    with caplog.at_level("INFO"):
        assert admit([PIN], root) == 0
    assert "not the published file" in caplog.text


def test_what_is_missing_is_left_to_the_loader(tmp_path: Path) -> None:
    assert admit([PIN, CONFIG], tmp_path) == 0
