"""What holds for a folder and for a bucket alike, and what goes wrong with each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import pytest

from livehead.errors import StoreDownError, StoreError, UsageError
from livehead.files import whole as files
from livehead.settings import load
from livehead.store.objects.base import ObjectStore
from livehead.store.objects.bucket import BucketStore
from livehead.store.objects.choice import open_store
from livehead.store.objects.folder import FolderStore
from livehead.store.objects.records import Records
from store.objects.s3_server import S3Server, refusing, s3

__all__ = ["s3"]

Open: TypeAlias = Callable[[], ObjectStore]


@pytest.fixture(params=["folder", "bucket"])
def another(request: pytest.FixtureRequest, tmp_path: Path, s3: S3Server) -> Open:
    """Opens the storage, as each server of those that share it does."""
    if request.param == "folder":
        return lambda: FolderStore(tmp_path / "data")
    bucket = s3.new_bucket()
    return lambda: BucketStore(bucket, "pre/fix", endpoint=s3.url)


def listed(store: ObjectStore, prefix: str) -> dict[str, int]:
    return {each.key: each.size for each in store.list(prefix)}


def test_what_one_writes_all_see_at_once(another: Open) -> None:
    one, other = another(), another()
    assert one.get("a/b.json") is None
    assert one.info("a/b.json") is None
    assert listed(one, "a") == {}
    version = one.put("a/b.json", b"first")
    found = other.get("a/b.json")
    assert found is not None
    assert (found.data, found.version) == (b"first", version)
    assert other.put("a/b.json", b"the second") != version
    one.put("a/c/d.json", b"")
    one.put("ab/c.json", b"x")
    assert listed(one, "a") == {"a/b.json": 10, "a/c/d.json": 0}
    info = one.info("a/b.json")
    assert info is not None
    assert info in other.list("a")
    assert info.size == 10
    for store in (one, other):
        store.delete("a/b.json")
        store.delete("a/c/d.json")
    assert listed(one, "a") == {}


def test_of_many_who_create_or_replace_one_does(another: Open) -> None:
    stores = [another() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        created = list(pool.map(lambda number: stores[number].create("q/one.json", b"%d" % number), range(4)))
        [first] = [version for version in created if version is not None]
        replaced = list(
            pool.map(lambda number: stores[number].replace("q/one.json", b"again %d" % number, first), range(4))
        )
    assert sum(version is not None for version in replaced) == 1
    found = stores[0].get("q/one.json")
    assert found is not None
    winner = next(number for number, version in enumerate(replaced) if version is not None)
    assert found.data == b"again %d" % winner
    stores[0].delete("q/one.json")
    assert stores[1].replace("q/one.json", b"late", found.version) is None
    assert stores[1].get("q/one.json") is None


def test_a_large_file_is_taken_in_and_read_in_parts(another: Open, tmp_path: Path) -> None:
    store, size = another(), 6_000_000
    content = os.urandom(size)
    path = tmp_path / "film.part"
    path.write_bytes(content)
    store.take_in("films/one.mp4", path)
    assert listed(another(), "films") == {"films/one.mp4": size}
    for start, stop in ((0, size), (5, 4_000_001), (size - 1, size), (7, 7)):
        assert b"".join(store.read("films/one.mp4", start, stop)) == content[start:stop]
    assert store.fetch("films/one.mp4", tmp_path / "copy").read_bytes() == content
    store.delete("films/one.mp4")
    with pytest.raises(FileNotFoundError):
        list(store.read("films/one.mp4", 0, 1))
    with pytest.raises(FileNotFoundError):
        store.fetch("films/one.mp4", tmp_path / "copy")


def test_what_belongs_together_is_put_together(another: Open) -> None:
    store = another()
    for content in (b"one", b"other"):
        store.put_together("p/1", {"image": content, "record": content})
        found = store.get("p/1/record")
        assert found is not None
        assert found.data == content
    assert set(listed(store, "p")) == {"p/1/image", "p/1/record"}


def test_records_are_read_again_where_they_changed(another: Open, caplog: pytest.LogCaptureFixture) -> None:
    store, reads = another(), []

    def decode(key: str, data: bytes) -> int:
        reads.append(key)
        return int(data)

    records = Records(store, "r", lambda key: key.endswith(".json"), decode)
    for number in range(3):
        store.put(f"r/{number}.json", b"%d" % number)
    store.put("r/film.mp4", b"film")
    store.put("r/broken.json", b"{")
    for _ in range(2):
        assert sorted(record for record, _ in records.all().values()) == [0, 1, 2]
    assert len(reads) == 4
    assert caplog.text.count("r/broken.json is left out") == 1
    another().put("r/1.json", b"11")
    store.delete("r/2.json")
    assert {key: record for key, (record, _) in records.all().items()} == {"r/0.json": 0, "r/1.json": 11}
    assert len(reads) == 5
    assert records.get("r/2.json") is None


def test_where_things_are_kept_is_said_and_tried(another: Open) -> None:
    store = another()
    assert store.describe().startswith(("the folder /", "the bucket s3://bucket-"))
    store.put("a/b", b"x")
    store.check()
    assert listed(store, "a") == {"a/b": 1}


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    for there in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match=r"cannot be written: .* Make it writable"):
            FolderStore(there).check()
    store = FolderStore(tmp_path)
    store.check()
    assert {each.name for each in tmp_path.rglob("*") if each.is_file()} == {"file"}

    def no_locks(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("livehead.store.objects.folder.fcntl.flock", no_locks)
    with pytest.raises(UsageError, match=r"has no locks .* --bucket"):
        store.check()


def test_a_file_of_another_disk_is_copied_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path("/dev/shm/livehead-test-film")
    path.write_bytes(b"film")
    try:
        assert path.stat().st_dev != tmp_path.stat().st_dev
        FolderStore(tmp_path).take_in("films/one.mp4", path)
        assert not path.exists()
    finally:
        path.unlink(missing_ok=True)
    assert (tmp_path / "films/one.mp4").read_bytes() == b"film"
    assert files.sweep(tmp_path / "films") == 0


def test_a_server_that_is_there_is_known_by_its_lock(tmp_path: Path) -> None:
    one, other = FolderStore(tmp_path), FolderStore(tmp_path)
    one.announce("one")
    one.announce("one")
    other.sweep("renders")
    assert not one.is_gone("one")
    assert not other.is_gone("one")
    assert other.is_gone("two")
    one.withdraw("one")
    one.withdraw("one")
    assert other.is_gone("one")


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "InvalidAccessKeyId", "refuses the credentials"),
        (403, "SignatureDoesNotMatch", "refuses the credentials"),
        (403, "AccessDenied", "may list, read, write and delete"),
        (403, "RequestTimeTooSkewed", "clock is wrong"),
        (404, "NoSuchBucket", "There is no bucket s3://films"),
        (500, "InternalError", "does not answer"),
    ],
)
def test_a_bucket_that_refuses_is_explained_in_one_line(s3: S3Server, status: int, code: str, said: str) -> None:
    with refusing(status, code) as url:
        store = BucketStore("films", endpoint=url, patient=False)
        with pytest.raises(UsageError, match=said) as refused:
            store.check()
        assert "\n" not in str(refused.value)
        for ask in (lambda: store.list("a"), lambda: store.get("a"), lambda: store.put("a", b"")):
            with pytest.raises(StoreError, match=said) as told:
                ask()
            if isinstance(told.value, StoreDownError):
                assert "s3:" not in str(told.value), "clients need not know"


def test_a_bucket_that_is_away_is_there_again_later(s3: S3Server) -> None:
    store = BucketStore(s3.new_bucket(), endpoint=s3.url, patient=False)
    store.put("a", b"kept")
    s3.stop()
    try:
        for ask in (lambda: store.get("a"), lambda: store.put("a", b""), lambda: list(store.read("a", 0, 1))):
            with pytest.raises(StoreDownError, match="does not answer") as away:
                ask()
            assert (away.value.status, away.value.problem) == (503, "store-down")
    finally:
        s3.start()
    found = store.get("a")
    assert found is not None
    assert found.data == b"kept"


def test_settings_choose_the_storage(tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(open_store(load({"data_dir": tmp_path})), FolderStore)
    bucket = open_store(load({"bucket": "s3://films/of/mine", "bucket_endpoint": s3.url, "bucket_region": "eu-west-1"}))
    assert bucket.describe() == f"the bucket s3://films/of/mine at {s3.url}"
    for wrong in ({"bucket": "films"}, {"bucket": "s3://"}, {"bucket_endpoint": "films.example"}):
        with pytest.raises(UsageError, match="bucket"):
            load(wrong)
    monkeypatch.setattr("livehead.store.objects.choice.importlib.util.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'livehead\[s3\]'"):
        open_store(load({"bucket": "s3://films"}))
    shutil.rmtree(tmp_path)
