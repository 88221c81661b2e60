"""A data folder and what writes to it, as servers do, without the servers: for tests that kill the writer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple, cast

import numpy as np

from livehead.access.key_file import changing, read_keys
from livehead.access.keys import StoredKey
from livehead.access.uses import SharedUses
from livehead.core.frame import Frame
from livehead.core.identity import Identity
from livehead.files.whole import TEMPORARY
from livehead.media.film.complete import complete, length
from livehead.media.film.film import Film
from livehead.media.film.wire import FilmOptions, FilmTick
from livehead.media.video.provenance import synthetic_tags
from livehead.store.objects import folder as objects_folder
from livehead.store.objects.folder import FolderStore
from livehead.store.objects.threads import StorageThreads
from livehead.store.portraits import library as portraits
from livehead.store.portraits.messages import SentCheck, SentCrop
from livehead.store.portraits.record import Consent, PortraitRecord, portrait_id
from livehead.store.recordings import folder as recordings
from livehead.store.recordings.recording import Recording
from livehead.store.renders import queue as renders
from livehead.store.renders.record import RenderRecord
from store.conftest import prepared

State = dict[str, str]
"""What is kept, by a name like ``film 3``: its value is made of hashes and states."""

OWNER = "shop"
SECONDS = 2

TAGS = synthetic_tags("preview", None, "amara")

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class InPlace:
    """In place of StorageThreads: works where it is called, so that a coroutine that awaits nothing else runs
    through."""

    async def run(self, work: Callable[[*Arguments], Result], *args: *Arguments) -> Result:
        return work(*args)


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    try:
        coroutine.send(None)
    except StopIteration as end:
        return cast(Result, end.value)
    raise AssertionError("it waits for something")


def sha(*data: bytes) -> str:
    return hashlib.sha256(b"\0".join(data)).hexdigest()[:12]


class Kept:
    """Each method that writes is one change, which is acknowledged by its return: the name that it is of, and its value
    then, None for nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.objects = FolderStore(root)
        threads = cast(StorageThreads, InPlace())
        self.library = portraits.PortraitLibrary(self.objects)
        self.queue = renders.RenderQueue(self.objects, threads, root / "renders", min_free_mb=0, kept_s=3600)
        self.uses = SharedUses(self.objects, threads)
        self.films = recordings.RecordingFolder(root / "recordings")
        self.key_file = root / "keys"

    # -- what is written

    def add_portrait(self, number: int, name: str = "Mine") -> tuple[str, str | None]:
        image = prepared(b"%d" % number)
        self.library.add(portrait_record(number, name), image)
        return f"portrait {number}", f"{name} {sha(image.image, image.thumbnail)}"

    def rename_portrait(self, number: int) -> tuple[str, str | None]:
        image = prepared(b"%d" % number)
        assert self.library.rewrite(portrait_record(number, "Newer"))
        return f"portrait {number}", f"Newer {sha(image.image, image.thumbnail)}"

    def remove_portrait(self, number: int) -> tuple[str, str | None]:
        self.library.remove(portrait_record(number, "").id)
        return f"portrait {number}", None

    def add_key(self, number: int) -> tuple[str, str | None]:
        with changing(self.key_file) as keys:
            keys.append(StoredKey(f"key{number}", hashlib.sha256(b"%d" % number).hexdigest()))
        return f"key {number}", hashlib.sha256(b"%d" % number).hexdigest()

    def revoke_key(self, number: int) -> tuple[str, str | None]:
        with changing(self.key_file) as keys:
            keys[:] = [key for key in keys if key.name != f"key{number}"]
        return f"key {number}", None

    def spend(self, number: int) -> tuple[str, str | None]:
        identity = Identity(OWNER, token=f"t{number}", uses=1000, expires=4e9)
        run(self.uses.spend(identity))
        path = next((self.root / "uses").rglob(f"t{number}.json"))
        return f"uses {number}", str(json.loads(path.read_bytes())["used"])

    def ask_for_render(self, number: int) -> tuple[str, str | None]:
        run(self._submit(number))
        return f"render {number}", f"queued {sha(_audio(number))}"

    async def _submit(self, number: int) -> None:
        await self.queue.prepare()
        async with self.queue.workspace() as folder:
            (folder / "audio").write_bytes(_audio(number))
            await self.queue.keep(f"r{number}", renders.AUDIO, folder / "audio")
        await self.queue.add(RenderRecord(f"r{number}", OWNER, None, "amara", 0, "low", "keep", 1.0, created=1.0))

    def make_render(self, number: int) -> tuple[str, str | None]:
        run(self._make(number))
        return f"render {number}", f"done {sha(_audio(number), b'film')}"

    async def _make(self, number: int) -> None:
        assert await self.queue.begin(f"r{number}") is not None
        async with self.queue.workspace() as folder:
            (folder / "film").write_bytes(_audio(number) + b"\0film")
            await self.queue.keep(f"r{number}", renders.FILM, folder / "film")
        assert await self.queue.end(f"r{number}", "done")

    def forget_render(self, number: int) -> tuple[str, str | None]:
        run(self.queue.forget(f"r{number}"))
        return f"render {number}", None

    def record_film(self, number: int) -> tuple[str, str | None]:
        recording = Recording(f"f{number}", "film", "s", "amara", 1.0, OWNER)
        path, temporary = self.films.file(recording), self.films.temporary(recording)
        with self.films.create(recording) as file:
            film = Film(file, FilmOptions(str(path), str(temporary), None, TAGS))
            frame = Frame(np.full((96, 64), 100 + number % 100, np.uint8))
            for index in range(SECONDS * 25):
                film.add(FilmTick(index, np.zeros(640, np.float32), frame))
            film.finish()
            self.films.note(_ended(recording, "done"))
            complete(path, temporary, TAGS)
        self.films.note(_ended(recording, "done"))
        return f"film {number}", f"done {sha(path.read_bytes())}"

    def remove_film(self, number: int) -> tuple[str, str | None]:
        self.films.remove(Recording(f"f{number}", "film", "s", "amara", 1.0, OWNER))
        return f"film {number}", None

    def close(self) -> None:
        """As a server that ends."""
        run(self.queue.__aexit__(None, None, None))

    # -- what a server finds at its start

    def state(self) -> State:
        """Everything that is listed, after sweeping. Raises AssertionError for what is not whole, and for what nothing
        refers to."""
        found = dict([*self._portraits(), *self._keys(), *self._renders(), *self._films(), *self._uses()])
        left = [str(path) for path in self.root.rglob(f"{TEMPORARY}*")]
        assert not left, f"left behind: {left}"
        return found

    def _portraits(self) -> Iterator[tuple[str, str]]:
        self.library.sweep()
        ids = set()
        for record in self.library.load():
            image, thumbnail = (self.library.read(record.id, name) for name in (portraits.IMAGE, portraits.THUMBNAIL))
            assert image is not None, f"{record.id} has no image"
            assert thumbnail is not None, f"{record.id} has no thumbnail"
            ids.add(record.id)
            yield f"portrait {image.removeprefix(b'image of ').decode()}", f"{record.name} {sha(image, thumbnail)}"
        assert _names(self.root / "portraits") == ids

    def _keys(self) -> Iterator[tuple[str, str]]:
        for key in read_keys(self.key_file) if self.key_file.exists() else ():
            yield f"key {key.name.removeprefix('key')}", key.hash

    def _renders(self) -> Iterator[tuple[str, str]]:
        self.queue._sweep()
        ids = set()
        for record in self.queue._all():
            ids.add(record.id)
            film = self.root / "renders" / record.id / renders.FILM
            audio = self.root / "renders" / record.id / renders.AUDIO
            assert record.state in ("queued", "done")
            assert record.state == "queued" or not audio.exists()
            yield (
                f"render {record.id[1:]}",
                f"{record.state} {sha((film if record.state == 'done' else audio).read_bytes())}",
            )
        folders = {name for name in _names(self.root / "renders") if "." not in name and name != "lock"}
        assert folders <= ids, f"of no render: {folders - ids}"

    def _films(self) -> Iterator[tuple[str, str]]:
        self.films.sweep()
        for recording in list(self.films.all().values()):
            path = self.films.file(recording)
            if self.films.is_left(recording):
                try:
                    complete(path, self.films.temporary(recording), TAGS)
                except (OSError, ValueError):  # nothing of it plays
                    path.unlink()
                    self.films.note(_ended(recording, "failed"))
                    continue
                self.films.note(_ended(recording, "cut-short"))
        for recording in self.films.all().values():
            if recording.state == "failed":
                self.films.remove(recording)
                continue
            path = self.films.file(recording)
            assert recording.state != "done" or abs(length(path) - SECONDS) < 0.05, f"{path} is not whole"
            assert length(path) > 0
            yield f"film {recording.id[1:]}", f"{recording.state} {sha(path.read_bytes())}"
        there = _names(self.root / "recordings")
        assert {name.partition(".")[0] for name in there} == {each.id for each in self.films.all().values()}

    def _uses(self) -> Iterator[tuple[str, str]]:
        self.objects.sweep("uses")
        for path in (self.root / "uses").glob("*/*.json"):
            yield f"uses {path.stem[1:]}", str(json.loads(path.read_bytes())["used"])


def hurry() -> None:
    """What is left behind is taken for that at once, and not after the time that another server may need."""
    portraits.ORPHAN_S = renders.ORPHAN_S = recordings.YOUNG_S = objects_folder.EMPTY_S = -1.0


def _names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()} if folder.exists() else set()


def _audio(number: int) -> bytes:
    return b"audio %d" % number


def _ended(recording: Recording, state: Any) -> Recording:
    return Recording(recording.id, "film", "s", "amara", 1.0, OWNER, state=state, seconds=float(SECONDS))


def portrait_record(number: int, name: str) -> PortraitRecord:
    image = prepared(b"%d" % number)
    consent = Consent(statement="yes", at=datetime(2026, 1, 1, tzinfo=UTC), owner=OWNER, sha256="0" * 64)
    crop, check = SentCrop.of(image.crop), SentCheck.of(image.check)
    side = image.side
    return PortraitRecord(
        id=portrait_id(OWNER, image.digest),
        owner=OWNER,
        name=name or "-",
        width=side,
        height=side,
        crop=crop,
        check=check,
        consent=consent,
    )
