"""Recordings: whose they are, how many there may be, and what is found of them after a crash."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from livehead.core.identity import Identity
from livehead.errors import ConflictError, DiskFullError, NotFoundError
from livehead.files import room
from livehead.media.film.completion import FilmCompletion
from livehead.settings import StoreSettings
from livehead.store.recordings import store as module
from livehead.store.recordings.recording import Recording
from livehead.store.recordings.store import RecordingStore
from waiting import until

ALICE = Identity("127.0.0.1", "alice")
TOKEN = Identity("127.0.0.1", "alice", token="t1")
OTHER = Identity("127.0.0.1", "alice", token="t2")
BOB = Identity("127.0.0.1", "bob")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "recordings"


def make(folder: Path, **settings: Any) -> RecordingStore:
    return RecordingStore(folder, StoreSettings(**{"min_free_mb": 0} | settings))


def record(store: RecordingStore, opened_by: Identity = ALICE, kind: Any = "film", data: bytes = b"film") -> Recording:
    """One that is done."""
    recording = store.begin(kind, session="s", avatar="amara", opened_by=opened_by)
    with store.open_file(recording) as file:
        file.write(data)
    store.end(recording.id, "done", 3.25)
    return store.get(recording.id, ALICE if opened_by.owner == "alice" else opened_by)


def delete(store: RecordingStore, recording_id: str, identity: Identity) -> None:
    asyncio.run(store.delete(recording_id, identity))


def look_after(store: RecordingStore, enough: Callable[[], bool]) -> None:
    """Run it as a server does."""

    async def run() -> None:
        async with store:
            await until(enough, 5)

    asyncio.run(run())


def sidecar_state(path: Path) -> str:
    return str(json.loads(path.read_text())["state"])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_recording_is_there_after_a_restart_with_its_sidecar(folder: Path) -> None:
    recording = record(make(folder), TOKEN)
    assert (recording.state, recording.seconds, recording.bytes) == ("done", 3.25, 4)
    assert names(folder) == [f"{recording.id}.json", f"{recording.id}.mp4"]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    again = make(folder)
    assert again.list(ALICE) == [recording]
    delete(again, recording.id, ALICE)
    assert names(folder) == []
    assert make(folder).list(ALICE) == []


def test_owners_and_tokens_reach_their_own_only(folder: Path) -> None:
    store = make(folder)
    first, second, third = (record(store, who) for who in (TOKEN, OTHER, BOB))
    reach = {ALICE: {first.id, second.id}, TOKEN: {first.id}, OTHER: {second.id}, BOB: {third.id}}
    for who, own in reach.items():
        assert {each.id for each in store.list(who)} == own
        for recording in (first, second, third):
            if recording.id not in own:
                with pytest.raises(NotFoundError):
                    store.get(recording.id, who)
                with pytest.raises(NotFoundError):
                    delete(store, recording.id, who)
    started = [each.started for each in store.list(ALICE)]
    assert started == sorted(started, reverse=True)


def test_each_owner_has_so_many_and_failed_ones_do_not_count(folder: Path) -> None:
    store = make(folder, max_films=2)
    kept = [record(store), record(store, kind="replay")]
    with pytest.raises(ConflictError, match="2 recordings are kept") as refused:
        store.check("alice")
    assert refused.value.problem == "too-many-films"
    with pytest.raises(ConflictError):
        store.begin("film", session="s", avatar="amara", opened_by=TOKEN)
    store.check("bob")
    store.end(kept[0].id, "failed", 0.0)
    store.check("alice")
    assert not store.file(kept[0]).exists()
    delete(store, kept[1].id, ALICE)
    record(store)


def test_without_room_nothing_new_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make(folder, min_free_mb=512)
    store.check("alice")
    free = 400 * 10**6
    monkeypatch.setattr(room.shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    recording = store.begin("film", session="s", avatar="amara", opened_by=ALICE)
    with pytest.raises(DiskFullError, match="400 MB"):
        store.open_file(recording)
    with pytest.raises(DiskFullError) as refused:
        store.check("alice")
    assert (refused.value.status, refused.value.problem) == (507, "disk-full")
    free = 600 * 10**6
    store.check_room()
    store.check("alice")


def test_while_it_is_recorded_it_cannot_be_deleted(folder: Path) -> None:
    store = make(folder)
    recording = store.begin("film", session="s", avatar="amara", opened_by=ALICE)
    with pytest.raises(ConflictError) as refused:
        delete(store, recording.id, ALICE)
    assert refused.value.problem == "still-recording"


def left(folder: Path, kind: Any = "film", data: bytes = b"what was written") -> Recording:
    """One whose server was killed."""
    store = make(folder)
    recording = store.begin(kind, session="s", avatar="amara", opened_by=ALICE, tags={"synthetic": "true"})
    with store.open_file(recording) as file:
        file.write(data)
    store.checkpoint(recording.id, 4.0)
    return recording


def adopted(folder: Path, monkeypatch: pytest.MonkeyPatch, seconds: float | OSError | None) -> RecordingStore:
    """The store after a restart, when it has looked after what was left. ``seconds`` is what is found of films."""
    asked = []

    def run(_: FilmCompletion, options: Any) -> float | None:
        asked.append(options)
        if isinstance(seconds, OSError):
            raise seconds
        return seconds

    monkeypatch.setattr(FilmCompletion, "run", run)
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    looks = []
    monkeypatch.setattr(RecordingStore, "_look", lambda self: looks.append(self))
    store = make(folder)
    assert [each.state for each in store.list(ALICE)] == ["cut-short"]
    look_after(store, lambda: len(looks) > 3)
    assert asked[0].tags == {"synthetic": "true"}
    return store


def test_a_film_of_a_killed_server_is_listed_as_cut_short(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = left(folder)
    for store in (adopted(folder, monkeypatch, 4.5), make(folder)):
        [found] = store.list(ALICE)
        assert (found.id, found.state, found.seconds, found.bytes) == (recording.id, "cut-short", 4.5, 16)


def test_of_one_that_does_not_play_the_entry_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left(folder)
    [found] = adopted(folder, monkeypatch, None).list(ALICE)
    assert (found.state, found.bytes) == ("failed", 0)
    assert names(folder) == [f"{found.id}.json"]


def test_one_that_cannot_be_looked_at_now_is_left_to_the_next_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = left(folder)
    adopted(folder, monkeypatch, OSError("no processes left"))
    assert sidecar_state(folder / f"{recording.id}.json") == "recording"
    [found] = adopted(folder, monkeypatch, 4.5).list(ALICE)
    assert found.state == "cut-short"


def test_a_replay_file_is_found_as_far_as_it_was_noted(folder: Path) -> None:
    left(folder, "replay")
    store = make(folder)
    [sidecar] = folder.glob("*.json")
    look_after(store, lambda: sidecar_state(sidecar) != "recording")
    [found] = store.list(ALICE)
    assert (found.state, found.seconds, found.bytes) == ("cut-short", 4.0, 16)


def test_what_another_process_still_writes_is_left_alone_until_it_ends(folder: Path) -> None:
    recording = left(folder, "replay")
    with (folder / recording.file).open("rb") as writing:
        fcntl.flock(writing, fcntl.LOCK_EX)
        store = make(folder)
        assert [(each.state, each.seconds) for each in store.list(ALICE)] == [("recording", 4.0)]
        with pytest.raises(ConflictError):
            delete(store, recording.id, ALICE)
        assert len(names(folder)) == 2
    store._look()
    assert [each.state for each in store.list(ALICE)] == ["cut-short"]


def test_what_nothing_refers_to_is_removed(folder: Path) -> None:
    folder.mkdir()
    for name in ("lost.mp4", "lost.lhr", ".new-half", "notes.txt"):
        (folder / name).write_bytes(b"x")
    (folder / "without.json").write_text(json.dumps({"id": "without", "kind": "film", "session": "s"}))
    lone = {"id": "lone", "kind": "film", "session": "s", "avatar": "amara", "started": 1.0, "state": "done"}
    (folder / "lone.json").write_text(json.dumps(lone))
    names_before = names(folder)
    make(folder)
    assert names(folder) == [name for name in names_before if name != ".new-half"]  # another server may be at work
    for path in folder.iterdir():
        os.utime(path, (1, 1))
    store = make(folder)
    assert store.list(Identity("127.0.0.1")) == []
    assert names(folder) == ["notes.txt", "without.json"]  # what cannot be read is for people to look at
