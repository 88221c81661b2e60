"""Keys are long, random and known by their hashes; the file of them is written whole."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from livehead.access.key_file import MAX_BYTES, changing, read_keys
from livehead.access.keys import KEY, KeyRing, StoredKey, new_key, parse_line
from livehead.errors import UsageError

DAY = "2026-11-27"


def test_a_key_is_random_and_only_its_hash_is_kept() -> None:
    key, stored = new_key("alice", DAY)
    assert KEY.fullmatch(key)
    assert len({new_key("alice", DAY)[0] for _ in range(50)}) == 50
    assert stored.hash == hashlib.sha256(key.encode()).hexdigest()
    assert key not in repr(stored)
    assert parse_line(str(stored)) == stored


def test_the_ring_finds_a_key_by_itself_alone() -> None:
    (one, first), (two, second), (other, _) = (new_key(name, DAY) for name in ("alice", "alice", "bob"))
    ring = KeyRing([first, second])
    assert ring.find(one) == first
    assert ring.find(two) == second
    for wrong in (other, "", one[:-1], one + "A", first.hash, "\udc80", one.upper()):
        assert ring.find(wrong) is None
    assert ring.names == {"alice"}


@pytest.mark.parametrize("name", ["", ".", "-a", "a b", "a:b", "a/b", "ä", "a\n", "a" * 65, "../a"])
def test_names_are_plain(name: str) -> None:
    with pytest.raises(UsageError, match="letters"):
        new_key(name, DAY)


@pytest.mark.parametrize(
    "line",
    ["", "alice", "alice:", "alice:12", "alice:" + "g" * 64, "a b:" + "0" * 64, f"alice:{'0' * 64}:yesterday", ":::"],
)
def test_a_line_that_is_no_key_is_refused(line: str) -> None:
    with pytest.raises(UsageError, match="NAME:HASH"):
        parse_line(line)


def test_a_key_in_the_place_of_its_hash_is_told_and_not_repeated() -> None:
    key, _ = new_key("alice", DAY)
    for line in (key, f"alice:{key}"):
        with pytest.raises(UsageError, match="where its hash belongs") as refusal:
            parse_line(line)
        assert key not in str(refusal.value)


def test_the_file_is_readable_by_its_user_only_and_keeps_comments_out(tmp_path: Path) -> None:
    path = tmp_path / "new" / "keys"
    _, stored = new_key("alice", DAY)
    with changing(path) as keys:
        assert keys == []
        keys.append(stored)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("# a comment\n\n" + path.read_text())
    assert read_keys(path) == (stored,)
    with changing(path) as keys:
        keys.clear()
    assert read_keys(path) == ()
    assert [each.name for each in path.parent.iterdir() if each.suffix != ".lock"] == ["keys"]


def test_a_change_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    _, stored = new_key("alice", DAY)
    with changing(path) as keys:
        keys.append(stored)
    with pytest.raises(ZeroDivisionError), changing(path) as keys:
        keys[0] = 1 / 0  # type: ignore[call-overload]
    assert read_keys(path) == (stored,)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"alice:12\n", "line 1"),
        (b"# fine\n\nbob\n", "line 3"),
        (b"\xff\xfe", "no text"),
        (b"#" * (MAX_BYTES + 1), "larger"),
    ],
)
def test_a_file_that_is_none_is_told_with_the_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "keys"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=words):
        read_keys(path)


def test_a_file_that_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="livehead keys new"):
        read_keys(tmp_path / "none")
    with pytest.raises(UsageError, match="cannot be read"):
        read_keys(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"), changing(tmp_path / "file" / "keys"):
        pass


def _add(path: Path, name: str) -> None:
    for _ in range(20):
        with changing(path) as keys:
            keys.append(StoredKey(name, os.urandom(32).hex()))


def test_two_programs_that_change_the_file_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    context = multiprocessing.get_context("spawn")
    programs = [context.Process(target=_add, args=(path, name)) for name in ("alice", "bob")]
    for program in programs:
        program.start()
    for program in programs:
        program.join(60)
    assert sorted(key.name for key in read_keys(path)) == ["alice"] * 20 + ["bob"] * 20
