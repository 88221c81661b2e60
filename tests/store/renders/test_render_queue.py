"""The queue of renders on disk: what a server that was killed has left, states, files, one server at a time."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest

from livehead.core.identity import Identity
from livehead.errors import StoreError, UnavailableError
from livehead.store.renders.queue import AUDIO, FILM, PORTRAIT, TABLE, RenderQueue
from livehead.store.renders.record import RenderRecord
from livehead.store.renders.table import RenderTable

DAY = 24 * 3600.0


def queue(folder: Path, kept_s: float = DAY) -> RenderQueue:
    return RenderQueue(folder / "renders", min_free_mb=0, kept_s=kept_s)


def record(name: str, owner: str = "", token: str | None = None) -> RenderRecord:
    return RenderRecord(name, owner, token, "amara", 7, "low", "keep", 1.5, time.time())


async def add(there: RenderQueue, name: str, **options: str) -> None:
    await there.prepare()
    folder = there.folder / name
    folder.mkdir()
    for each in (AUDIO, PORTRAIT):
        (folder / each).write_text("of it")
    await there.add(record(name, **options))


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
        there.file("done", FILM).write_text("a film")
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
        assert names(there.folder / "waits") == {AUDIO, PORTRAIT}
        assert names(there.folder / "done") == {FILM}  # what it was made of is not kept
        assert not (there.folder / "failed").exists()


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
        assert not (there.folder / "one").exists()


async def test_what_nobody_knows_is_swept_at_the_start(tmp_path: Path) -> None:
    async with queue(tmp_path) as there:
        await add(there, "known")
        await add(there, "lost")
    for name in ("orphan", ".new-abc"):
        (tmp_path / "renders" / name).mkdir()
    (tmp_path / "renders" / "lost" / AUDIO).unlink()
    async with queue(tmp_path) as there:
        assert {path.name for path in there.folder.iterdir() if path.is_dir()} == {"known"}
        lost = await there.get("lost")
        assert lost is not None
        assert lost.state == "failed"
        assert lost.error is not None


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
        assert not (there.folder / "first").exists()


async def test_a_folder_belongs_to_one_server(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with queue(tmp_path) as first:
        await add(first, "one")
        async with queue(tmp_path) as second:
            assert "Another server" in caplog.text
            with pytest.raises(UnavailableError, match="data-dir") as refused:
                await second.prepare()
            assert refused.value.problem == "renders-elsewhere"
    async with queue(tmp_path) as second:
        await second.prepare()


@pytest.mark.parametrize("damage", ["not a database", ""])
async def test_a_broken_table_stops_no_server(tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    (tmp_path / "renders").mkdir()
    (tmp_path / "renders" / TABLE).write_text(damage * 1000)
    async with queue(tmp_path) as there:
        if damage:
            assert "renders are not to be had" in caplog.text
            with pytest.raises(StoreError):
                await there.prepare()
        else:
            await add(there, "one")


def test_a_table_of_another_version_is_left_alone(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / TABLE)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="another version"):
        RenderTable(tmp_path / TABLE)


def test_numbers_rise_and_are_never_given_twice(tmp_path: Path) -> None:
    table = RenderTable(tmp_path / TABLE)
    first = table.add(record("first"))
    table.forget("first")
    assert table.add(record("second")).number == first.number + 1
    with pytest.raises(StoreError):
        table.add(record("second"))
    table.close()


def test_a_key_has_all_of_its_owners_and_a_token_its_own() -> None:
    asked = record("one", owner="alice", token="t1")
    assert asked.belongs_to(Identity("", "alice"))
    assert asked.belongs_to(Identity("", "alice", token="t1"))
    assert not asked.belongs_to(Identity("", "alice", token="t2"))
    assert not asked.belongs_to(Identity("", "bob"))
    assert not replace(asked, token=None).belongs_to(Identity("", "alice", token="t1"))
