"""The queue of renders in a folder: one for all servers, and what those that were killed have left."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from livehead.core.identity import Identity
from livehead.errors import StoreError, UnavailableError
from livehead.store.objects.folder import FolderStore
from livehead.store.objects.threads import StorageThreads
from livehead.store.renders.former_table import LOCK, TABLE
from livehead.store.renders.queue import AUDIO, FILM, PORTRAIT, RenderQueue
from livehead.store.renders.record import RenderRecord

DAY = 24 * 3600.0


def queue(folder: Path, kept_s: float = DAY, lease_s: float = DAY) -> RenderQueue:
    """As one server of those that share the folder has it."""
    scratch = folder / "renders"
    return RenderQueue(FolderStore(folder), StorageThreads(), scratch, min_free_mb=0, kept_s=kept_s, lease_s=lease_s)


def path(folder: Path, name: str, file: str = "") -> Path:
    return folder / "renders" / name / file


def record(name: str, owner: str = "", token: str | None = None) -> RenderRecord:
    return RenderRecord(name, owner, token, "amara", 7, "low", "keep", 1.5, time.time())


async def add(there: RenderQueue, name: str, **options: str) -> None:
    await there.prepare()
    for each in (AUDIO, PORTRAIT):
        await asyncio.to_thread(there.objects.put, there.key(name, each), b"of it")
    await there.add(record(name, **options))


async def film(there: RenderQueue, name: str) -> None:
    async with there.workspace() as folder:
        (folder / FILM).write_text("a film")
        await there.keep(name, FILM, folder / FILM)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_nothing_is_written_before_somebody_asks(tmp_path: Path) -> None:
    async with queue(tmp_path) as there:
        assert await there.open() == []
        assert await there.get("nobody") is None
        assert await there.of_owner("") == []
        await there.sweep()
    assert not names(tmp_path)


async def test_what_waits_and_what_runs_outlives_the_server(tmp_path: Path) -> None:
    async with queue(tmp_path) as there:
        for name in ("waits", "runs", "done", "failed"):
            await add(there, name)
        for name in ("runs", "done", "failed"):
            assert await there.begin(name)
        await film(there, "done")
        assert await there.end("done", "done")
        assert await there.end("failed", "failed", "why")
    async with queue(tmp_path) as there:
        found = {each.id: each for each in await there.of_owner("")}
        assert {name: each.state for name, each in found.items()} == {
            "waits": "queued",
            "runs": "queued",
            "done": "done",
            "failed": "failed",
        }
        assert [each.starts for each in found.values()] == [0, 1, 1, 1]
        assert [each.id for each in await there.open()] == ["waits", "runs"]
        assert found["failed"].error == "why"
        assert names(path(tmp_path, "waits")) == {AUDIO, PORTRAIT}
        assert names(path(tmp_path, "done")) == {FILM}  # what it was made of is not kept
        assert not path(tmp_path, "failed").exists()


async def test_a_state_is_changed_by_one_only(tmp_path: Path) -> None:
    async with queue(tmp_path) as there:
        await add(there, "one")
        assert not await there.begin_again("one")
        assert await there.begin("one")
        assert not await there.begin("one")
        assert await there.begin_again("one")
        await there.put_back("one")
        found = await there.get("one")
        assert found is not None
        assert (found.state, found.starts, found.ended) == ("queued", 1, None)
        assert await there.end("one", "cancelled")
        assert not await there.end("one", "done")
        assert not await there.begin("one")
        found = await there.get("one")
        assert found is not None
        assert found.state == "cancelled"
        assert not path(tmp_path, "one").exists()


async def test_what_nobody_knows_is_swept_when_it_is_old(tmp_path: Path) -> None:
    async with queue(tmp_path) as there:
        await add(there, "known")
        for name in ("old", "new"):  # files whose record another server is about to write, or never will
            await asyncio.to_thread(there.objects.put, there.key(name, AUDIO), b"of it")
        os.utime(path(tmp_path, "old", AUDIO), (1, 1))
        path(tmp_path, ".new-abc").mkdir()
        async with there.workspace() as ours:
            await there.sweep()
            assert ours.exists()
        folder = tmp_path / "renders"
        assert {each.name for each in folder.iterdir() if each.is_dir()} == {"known", "new"}


async def test_what_is_lost_is_said(tmp_path: Path) -> None:
    async with queue(tmp_path) as there:
        await add(there, "lost")
        path(tmp_path, "lost", AUDIO).unlink()
        with pytest.raises(StoreError, match="not there any more"):
            await there.fetch("lost", AUDIO, tmp_path)


async def test_what_has_ended_is_kept_for_its_time(tmp_path: Path) -> None:
    async with queue(tmp_path, kept_s=0.5) as there:
        for name in ("first", "second"):
            await add(there, name)
        await there.end("first", "done")
        await there.sweep()
        first = await there.get("first")
        assert first is not None
        assert there.expires(first) == pytest.approx(time.time() + 0.5, abs=0.3)
        await there.sweep()
        await asyncio.sleep(0.6)
        await there.sweep()
        assert await there.get("first") is None
        assert [each.id for each in await there.open()] == ["second"]
        assert not path(tmp_path, "first").exists()


async def test_several_servers_have_one_queue(tmp_path: Path) -> None:
    async with queue(tmp_path) as first, queue(tmp_path) as second:
        await add(first, "one")
        assert [each.id for each in await second.open()] == ["one"]
        begun = await second.begin("one")
        assert begun is not None
        assert (begun.state, begun.starts, begun.server) == ("running", 1, second.server)
        assert await first.begin("one") is None
        assert not await first.begin_again("one")
        assert not await first.beat("one", 0.9)
        assert not await first.end("one", "done")
        assert await second.beat("one", 0.5)
        seen = await first.get("one")
        assert seen is not None
        assert (seen.state, seen.progress) == ("running", 0.5)
        assert await first.end("one", "cancelled")
        assert not await second.beat("one", 0.6)
        await film(second, "one")
        assert not await second.end("one", "done")
        await second.drop_film("one")
        assert not path(tmp_path, "one").exists()


async def test_of_many_who_want_one_a_single_server_has_it(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(queue(tmp_path)) for _ in range(8)]
        await add(servers[0], "one")
        begun = await asyncio.gather(*(each.begin("one") for each in servers))
        assert sum(each is not None for each in begun) == 1


async def test_a_render_of_a_server_that_is_gone_waits_again(tmp_path: Path) -> None:
    async with queue(tmp_path) as other:
        async with queue(tmp_path) as first:
            await add(first, "one")
            assert await first.begin("one")
            assert [each.state for each in await other.open()] == ["running"]
            assert await other.begin("one") is None
        assert [each.state for each in await other.open()] == ["queued"]
        begun = await other.begin("one")
        assert begun is not None
        assert (begun.starts, begun.server) == (2, other.server)


async def test_a_server_that_is_not_heard_of_has_lost_its_render(tmp_path: Path) -> None:
    """It still runs, and finds out."""
    async with queue(tmp_path) as first, queue(tmp_path, lease_s=0.3) as other:
        await add(first, "one")
        assert await first.begin("one")
        assert await other.begin("one") is None
        await asyncio.sleep(0.2)
        assert await first.beat("one", 0.1)
        assert await other.begin("one") is None
        await asyncio.sleep(0.4)
        assert await other.begin("one")
        assert not await first.beat("one", 0.2)
        assert not await first.end("one", "failed", "mine")
        assert await other.end("one", "done")


@pytest.mark.parametrize("step", [3600.0, -3600.0])
async def test_a_clock_that_is_set_takes_no_render_away(
    tmp_path: Path, step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither from the server that makes it, nor from those whose film is kept for longer than that."""
    wall, offset = time.time, 0.0
    monkeypatch.setattr("time.time", lambda: wall() + offset)
    async with queue(tmp_path) as first, queue(tmp_path) as other:
        await add(first, "one")
        await add(first, "two")
        assert await first.begin("one")
        assert await other.begin("two")
        assert await other.end("two", "done")
        assert await other.begin("one") is None
        offset = step
        assert await other.begin("one") is None
        await other.sweep()
        assert await first.beat("one", 0.5)
        assert [each.state for each in await other.open()] == ["running"]
        assert await first.end("one", "done")
        assert await other.begin("one") is None


FORMER = """
CREATE TABLE renders (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, token TEXT, avatar TEXT,
    seed INTEGER NOT NULL, latency TEXT NOT NULL, background TEXT NOT NULL, seconds REAL NOT NULL,
    created REAL NOT NULL, state TEXT NOT NULL, starts INTEGER NOT NULL, error TEXT, ended REAL
) STRICT;
INSERT INTO renders VALUES (1, 'done', 'alice', NULL, 'amara', 7, 'low', 'keep', 1.5, 100.0, 'done', 1, NULL, 4e9);
INSERT INTO renders VALUES (2, 'runs', 'alice', 't1', NULL, 8, 'low', 'keep', 2.5, 101.0, 'running', 2, NULL, NULL);
INSERT INTO renders VALUES (3, 'waits', 'bob', NULL, 'amara', 9, 'low', 'keep', 3.5, 102.0, 'queued', 0, NULL, NULL);
PRAGMA user_version = 1;
"""


def former(folder: Path) -> sqlite3.Connection:
    (folder / "renders").mkdir()
    db = sqlite3.connect(folder / "renders" / TABLE, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(FORMER)
    return db


async def test_renders_of_the_version_before_are_taken_over(tmp_path: Path) -> None:
    db = former(tmp_path)  # left open, as by a server that was killed: its last changes are in the log beside it
    async with queue(tmp_path) as there, queue(tmp_path) as other:
        for each in (there, other):
            assert [(found.id, found.state, found.starts) for found in await each.all()] == [
                ("done", "done", 1),
                ("runs", "queued", 2),
                ("waits", "queued", 0),
            ]
        assert await there.begin("runs")
        await add(there, "new")
        assert (await other.open())[-1].id == "new"
    db.close()
    async with queue(tmp_path) as there:
        assert len(await there.all()) == 4
    assert not path(tmp_path, TABLE).exists()


async def test_a_server_of_the_version_before_has_the_folder_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    former(tmp_path).close()
    with path(tmp_path, LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        async with queue(tmp_path) as there:
            assert "older version" in caplog.text
            with pytest.raises(UnavailableError, match="older version") as refused:
                await there.prepare()
            assert refused.value.problem == "renders-elsewhere"
            fcntl.flock(lock, fcntl.LOCK_UN)
            await there.prepare()
            with pytest.raises(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("damage", ["not a database", ""])
async def test_a_broken_table_stops_no_server(tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    (tmp_path / "renders").mkdir()
    path(tmp_path, TABLE).write_text(damage * 1000)
    async with queue(tmp_path) as there:
        if damage:
            assert "renders are not to be had" in caplog.text
            with pytest.raises(StoreError):
                await there.prepare()
        else:
            await add(there, "one")


async def test_a_table_of_another_version_is_left_alone(tmp_path: Path) -> None:
    db = former(tmp_path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    async with queue(tmp_path) as there:
        with pytest.raises(StoreError, match="another version"):
            await there.prepare()


def test_a_key_has_all_of_its_owners_and_a_token_its_own() -> None:
    asked = record("one", owner="alice", token="t1")
    assert asked.belongs_to(Identity("", "alice"))
    assert asked.belongs_to(Identity("", "alice", token="t1"))
    assert not asked.belongs_to(Identity("", "alice", token="t2"))
    assert not asked.belongs_to(Identity("", "bob"))
    assert not replace(asked, token=None).belongs_to(Identity("", "alice", token="t1"))
