"""Recordings that several servers see: in a folder as they are written, in a bucket when they are finished."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from livehead.core.identity import Identity
from livehead.errors import ConflictError, NotFoundError
from livehead.settings import StoreSettings
from livehead.store.objects.bucket import BucketStore
from livehead.store.objects.served import ServedObject
from livehead.store.recordings import bucket as bucket_module
from livehead.store.recordings.bucket import RecordingBucket
from livehead.store.recordings.recording import Recording
from livehead.store.recordings.store import RecordingStore
from store.objects.s3_server import S3Server, s3

__all__ = ["s3"]

ALICE = Identity("127.0.0.1", "alice")

Open: TypeAlias = Callable[..., RecordingStore]


@pytest.fixture(params=["folder", "bucket"])
def server(request: pytest.FixtureRequest, tmp_path: Path, s3: S3Server) -> Open:
    """Opens the store as a server by that name has it."""
    name = s3.new_bucket() if request.param == "bucket" else None

    def open_store(own: str, **settings: Any) -> RecordingStore:
        given = StoreSettings(**{"min_free_mb": 0} | settings)
        if name is None:
            return RecordingStore(tmp_path / "recordings", given)
        bucket = RecordingBucket(BucketStore(name, endpoint=s3.url, patient=False))
        return RecordingStore(tmp_path / own / "recordings", given, bucket)

    return open_store


def begin(store: RecordingStore) -> tuple[Recording, Any]:
    recording = store.begin("replay", session="s", avatar="amara", opened_by=ALICE)
    file = store.open_file(recording)
    file.write(b"what is said")
    file.flush()
    return recording, file


def seen(store: RecordingStore) -> list[tuple[str, str, float]]:
    return [(each.id, each.state, each.seconds) for each in asyncio.run(store.listed(ALICE))]


def served(store: RecordingStore, recording: Recording) -> ServedObject | None:
    return asyncio.run(store.served(recording))


def test_what_one_records_all_list_and_serve(server: Open) -> None:
    one, other = server("one"), server("other")
    recording, file = begin(one)
    assert seen(other) == [(recording.id, "recording", 0.0)]
    one.checkpoint(recording.id, 4.0)
    one.progress(recording.id, 4.0)
    one._look()
    assert seen(other) == [(recording.id, "recording", 4.0)]
    with pytest.raises(ConflictError):
        asyncio.run(other.delete(recording.id, ALICE))
    file.close()
    one.end(recording.id, "done", 5.0)
    for store in (one, other):
        assert seen(store) == [(recording.id, "done", 5.0)]
        film = served(store, store.get(recording.id, ALICE))
        assert film is not None
        assert b"".join(film.read(0, film.info.size)) == b"what is said"
        assert store.get(recording.id, ALICE).bytes == 12
    asyncio.run(other.delete(recording.id, ALICE))
    assert seen(one) == []
    assert served(one, recording) is None
    with pytest.raises(NotFoundError):
        asyncio.run(one.find(recording.id, ALICE))


def test_an_owners_number_holds_for_all(server: Open) -> None:
    one, other = server("one", max_films=2), server("other", max_films=2)
    opened = [begin(store) for store in (one, other)]
    for store in (one, other):
        with pytest.raises(ConflictError):
            begin(store)
    for _, file in opened:
        file.close()
    asyncio.run(one.listed(ALICE))
    with pytest.raises(ConflictError, match="2 recordings are kept"):
        one.check("alice")


def test_one_that_failed_leaves_its_entry_for_all(server: Open) -> None:
    one, other = server("one"), server("other")
    recording, file = begin(one)
    file.close()
    one.end(recording.id, "failed", 0.0)
    assert seen(other) == [(recording.id, "failed", 0.0)]
    assert served(other, recording) is None
    asyncio.run(other.delete(recording.id, ALICE))
    assert seen(one) == []


def test_what_a_server_that_is_gone_has_written(server: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder any other one takes it over; a bucket has it when that server is started again."""
    one, other = server("one"), server("other")
    recording, file = begin(one)
    one.checkpoint(recording.id, 4.0)
    assert [state for _, state, _ in seen(other)] == ["recording"]
    file.close()  # as the end of its process does
    if other._bucket is None:
        assert seen(other) == [(recording.id, "cut-short", 4.0)]
        other._complete()
        assert other._folder.is_left(recording), "it may be ending just now"
        other._complete()
    else:
        monkeypatch.setattr(bucket_module, "SILENT_S", -1.0)
        assert [state for _, state, _ in seen(other)] == ["failed"]
        server("one")._complete()
    for store in (server("third"), other):
        assert seen(store) == [(recording.id, "cut-short", 4.0)]
        assert served(store, recording) is not None


@pytest.mark.parametrize("restarted", [False, True])
def test_a_bucket_that_is_away_gets_its_recordings_later(tmp_path: Path, s3: S3Server, restarted: bool) -> None:
    name = s3.new_bucket()

    def open_store(own: str) -> RecordingStore:
        bucket = RecordingBucket(BucketStore(name, endpoint=s3.url, patient=False))
        return RecordingStore(tmp_path / own, StoreSettings(min_free_mb=0), bucket)

    one, other = open_store("one"), open_store("other")
    recording, file = begin(one)
    file.close()
    s3.stop()
    try:
        one.end(recording.id, "done", 5.0)
        assert (tmp_path / "one" / recording.file).exists()
        one._look()
    finally:
        s3.start()
    (open_store("one") if restarted else one)._look()
    assert seen(other) == [(recording.id, "done", 5.0)]
    assert [path.name for path in (tmp_path / "one").iterdir()] == []
