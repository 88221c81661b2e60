"""Portraits of owners: what is kept, for whom, and what is found again at the next start."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections import namedtuple
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from livehead.errors import (
    DiskFullError,
    NotConfiguredError,
    NotFoundError,
    TooManyPortraitsError,
    UnsupportedTypeError,
)
from livehead.files import room
from livehead.files import whole as files
from livehead.store.objects.folder import FolderStore
from livehead.store.objects.threads import StorageThreads
from livehead.store.portraits.library import IMAGE, RECORD, THUMBNAIL, PortraitLibrary
from livehead.store.portraits.portraits import Portraits
from livehead.store.portraits.record import CONSENT, WORDING, PortraitRecord, portrait_id, read_name
from store.conftest import CHECK, InstantDecoder

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
JPEG = b"\xff\xd8\xff"


async def open_portraits(library: PortraitLibrary, most: int = 3) -> Portraits:
    decoder: Any = InstantDecoder()
    return await asyncio.to_thread(Portraits, library, StorageThreads(), decoder, most, lambda: NOW)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "portraits"


@pytest_asyncio.fixture
async def portraits(library: PortraitLibrary) -> Portraits:
    return await open_portraits(library)


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.rglob("*")}


async def add(portraits: Portraits, content: bytes, owner: str = "alice", name: str | None = "Mine") -> PortraitRecord:
    return await portraits.add(JPEG + content, name, None, owner)


async def test_a_portrait_is_kept_with_its_consent_and_found_at_the_next_start(
    library: PortraitLibrary, portraits: Portraits, folder: Path
) -> None:
    kept = await add(portraits, b"1")
    assert names(folder) == {kept.id, IMAGE, THUMBNAIL, RECORD}
    beside = json.loads((folder / kept.id / RECORD).read_text())
    assert beside["owner"] == "alice"
    assert beside["consent"] == {
        "statement": CONSENT,
        "wording": WORDING,
        "at": "2026-05-01T12:00:00Z",
        "owner": "alice",
        "sha256": hashlib.sha256(JPEG + b"1").hexdigest(),
    }
    [avatar] = (await open_portraits(library)).list("alice")
    assert (avatar.id, avatar.name, avatar.width, avatar.check) == (kept.id, "Mine", 300, CHECK)
    assert await asyncio.to_thread(avatar.read) == b"image of " + JPEG + b"1"
    assert await asyncio.to_thread(avatar.read_thumbnail) == b"small"
    assert not avatar.builtin


async def test_the_same_picture_is_the_same_portrait_with_the_newer_name(portraits: Portraits) -> None:
    first, again = await add(portraits, b"1"), await add(portraits, b"1", name="Newer")
    unnamed = await add(portraits, b"1", name=None)
    assert first.id == again.id == unnamed.id
    assert [each.name for each in portraits.list("alice")] == ["Newer"]


async def test_what_is_of_one_owner_is_not_there_for_another(portraits: Portraits) -> None:
    hers, his = await add(portraits, b"1", "alice"), await add(portraits, b"1", "bob")
    assert hers.id != his.id
    for owner in ("bob", ""):
        assert portraits.find(hers.id, owner) is None
        assert not await portraits.rename(hers.id, owner, "Mine now")
        assert not await portraits.delete(hers.id, owner)
    assert [each.id for each in portraits.list("alice")] == [hers.id]
    assert portraits.list("") == []
    assert portraits.find(hers.id, "alice") is not None


async def test_a_renamed_one_has_its_new_name_at_the_next_start(library: PortraitLibrary, portraits: Portraits) -> None:
    kept = await add(portraits, b"1")
    assert await portraits.rename(kept.id, "alice", " On \n stage ")
    for each in (portraits, await open_portraits(library)):
        assert [avatar.name for avatar in each.list("alice")] == ["On stage"]


async def test_a_deleted_one_is_gone_for_good(library: PortraitLibrary, folder: Path, portraits: Portraits) -> None:
    kept = await add(portraits, b"1")
    assert await portraits.delete(kept.id, "alice")
    assert not await portraits.delete(kept.id, "alice")
    assert portraits.list("alice") == []
    assert names(folder) == set()


async def test_each_owner_has_its_own_number(portraits: Portraits) -> None:
    for content in (b"1", b"2", b"3"):
        await add(portraits, content)
    with pytest.raises(TooManyPortraitsError, match="3 portraits"):
        await add(portraits, b"4")
    await add(portraits, b"3", name="Known")  # is no new one
    await add(portraits, b"4", "bob")
    await portraits.delete(portraits.list("alice")[0].id, "alice")
    await add(portraits, b"4")


async def test_a_server_may_take_none(library: PortraitLibrary) -> None:
    portraits = await open_portraits(library, most=0)
    with pytest.raises(NotConfiguredError, match="LIVEHEAD_MAX_PORTRAITS"):
        await add(portraits, b"1")
    with pytest.raises(NotConfiguredError):
        await portraits.inspect(JPEG, None)


async def test_what_is_no_picture_is_refused_before_it_is_decoded(portraits: Portraits) -> None:
    with pytest.raises(UnsupportedTypeError):
        await portraits.add(b"<svg>", None, None, "alice")


async def test_room_is_left_on_the_disk(
    library: PortraitLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: usage(10**12, 0, 99 * 10**6))
    portraits = await open_portraits(PortraitLibrary(FolderStore(tmp_path), min_free_mb=100))
    with pytest.raises(DiskFullError):
        await add(portraits, b"1")
    assert portraits.list("alice") == []


async def test_what_cannot_be_written_is_not_listed(
    library: PortraitLibrary, portraits: Portraits, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DiskFullError("full")

    monkeypatch.setattr(FolderStore, "put_together", fail)
    with pytest.raises(DiskFullError):
        await add(portraits, b"1")
    assert portraits.list("alice") == []


async def test_what_is_broken_is_left_out_and_what_is_unfinished_is_removed(
    library: PortraitLibrary, folder: Path, portraits: Portraits, caplog: pytest.LogCaptureFixture
) -> None:
    ids = [(await add(portraits, content)).id for content in (b"1", b"2", b"3")]
    (folder / ids[0] / RECORD).write_text("{")
    (folder / ids[1] / IMAGE).write_bytes(b"")
    (folder / "p-stray").mkdir()
    (folder / "p-stray" / RECORD).write_bytes(b"")
    (folder / f"{files.TEMPORARY}killed").mkdir()
    found = await open_portraits(library)
    assert [each.id for each in found.list("alice")] == [ids[2]]
    assert not (folder / f"{files.TEMPORARY}killed").exists()
    assert {each.name for each in (folder / ids[2]).iterdir()} == {IMAGE, THUMBNAIL, RECORD}
    said = [record.message for record in caplog.records if "is left out" in record.message]
    assert len(said) == 3
    assert ids[0] in said[0] or ids[0] in said[1]


async def test_a_server_that_is_killed_leaves_a_portrait_whole_or_not_at_all(
    library: PortraitLibrary, tmp_path: Path, folder: Path
) -> None:
    """Killed when all is written and nothing renamed, and, replacing a record, likewise."""
    program = f"""
        import asyncio, os, signal
        from pathlib import Path
        from livehead.store.objects.folder import FolderStore
        from livehead.store.portraits.library import PortraitLibrary
        from store.test_portraits import add, open_portraits

        async def main():
            portraits = await open_portraits(PortraitLibrary(FolderStore(Path({str(tmp_path)!r}))))
            kept = await add(portraits, b"1")
            if os.environ["KILLED"] == "renaming":
                Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
                await portraits.rename(kept.id, "alice", "Newer")
            Path.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
            await add(portraits, b"2")

        asyncio.run(main())
    """
    for when in ("adding", "renaming"):
        environment = os.environ | {"KILLED": when, "PYTHONPATH": str(Path(__file__).parents[1])}
        command = [sys.executable, "-c", textwrap.dedent(program)]
        ended = await asyncio.to_thread(subprocess.run, command, env=environment, check=False)
        assert ended.returncode == -signal.SIGKILL
        [avatar] = (await open_portraits(library)).list("alice")
        assert avatar.name == "Mine"
        assert names(folder) == {avatar.id, IMAGE, THUMBNAIL, RECORD}


async def test_several_servers_see_each_others_at_once(library: PortraitLibrary, tmp_path: Path) -> None:
    one, other = [await open_portraits(PortraitLibrary(FolderStore(tmp_path)), most=2) for _ in range(2)]
    kept = await add(one, b"1")
    assert other.find(kept.id, "alice") is None
    await other.refresh(kept.id)
    found = other.find(kept.id, "alice")
    assert found is not None
    assert await asyncio.to_thread(found.read) == b"image of " + JPEG + b"1"
    assert await one.rename(kept.id, "alice", "Newer")
    await other.refresh()
    assert [each.name for each in other.list("alice")] == ["Newer"]
    assert await other.delete(kept.id, "alice")
    assert not await one.rename(kept.id, "alice", "Newest")
    assert one.list("alice") == []
    with pytest.raises(NotFoundError):
        await asyncio.to_thread(found.read)


async def test_an_owners_number_holds_for_all_servers(library: PortraitLibrary, tmp_path: Path) -> None:
    servers = [await open_portraits(PortraitLibrary(FolderStore(tmp_path)), most=2) for _ in range(4)]
    await add(servers[0], b"0")
    asked = [add(server, bytes([number])) for number, server in enumerate(servers)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(each, PortraitRecord | TooManyPortraitsError) for each in answers)
    await servers[0].refresh()
    assert 1 <= len(servers[0].list("alice")) <= 2


async def test_a_moved_record_is_not_taken_for_another(library: PortraitLibrary, folder: Path) -> None:
    moved = folder / portrait_id("alice", "0" * 64)
    moved.mkdir(parents=True)
    (moved / RECORD).write_text("{}")
    assert (await open_portraits(library)).list("alice") == []


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (None, "Portrait"),
        ("", "Portrait"),
        (" \n\t", "Portrait"),
        ("Zoë  Müller", "Zoë Müller"),
        ("a\x00b\u202ec\nd", "a b c d"),
        ("x" * 500, "x" * 80),
    ],
)
def test_a_name_is_one_line(given: str | None, name: str) -> None:
    assert read_name(given) == name
