"""``livehead doctor --data``: what is broken is named, and put aside when asked for; what is whole is left alone."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from livehead import logs
from livehead.cli import main
from livehead.doctor.data import damage
from livehead.files.whole import scratch_folder
from livehead.store import layout
from livehead.store.objects.folder import FolderStore
from livehead.store.portraits.library import IMAGE, PortraitLibrary
from livehead.store.portraits.preparation import PreparedPortrait, encode_lossless, prepare_portrait
from livehead.store.portraits.record import PortraitRecord, portrait_id
from pictures import face, face_file
from reliability.kept import Kept, portrait_record


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    return tmp_path / "data"


def examined(capsys: pytest.CaptureFixture[str], root: Path, *more: str) -> tuple[int, dict[str, dict[str, str]]]:
    code = main(["doctor", "--data", "--json", "--data-dir", str(root), *more])
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["ok"] is (code == 0)
    assert {each["group"] for each in found["findings"]} == {"data"}
    return code, {each["name"]: each for each in found["findings"]}


def aged(path: Path) -> None:
    for each in (path, *path.rglob("*")) if path.is_dir() else (path,):
        os.utime(each, (time.time() - 7200,) * 2)


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_what_is_broken_is_put_aside_and_what_is_whole_stays(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = Kept(root)
    for change in (kept.ask_for_render, kept.record_film, kept.spend, kept.add_key):
        for number in (1, 2):
            change(number)
    kept.ask_for_render(3)
    for number in (1, 2):
        kept.make_render(number)
    kept.close()
    (root / "recordings" / "f2.mp4").write_bytes(b"no film")
    (root / "recordings" / "f3.json").write_bytes(b'{"id": ')
    (root / "recordings" / "f4.mp4").write_bytes(b"of no record")
    aged(root / "recordings" / "f4.mp4")
    (root / "renders" / "r3.json").write_bytes(b"")
    aged(root / "renders" / "r3")
    (root / "portraits" / "p-1").mkdir(parents=True)
    (root / "portraits" / "p-1" / "portrait.json").write_bytes(b"[]")
    (root / "uses" / "1111111" / "t1.json").write_bytes(b"x")
    (root / "keys").chmod(0o644)
    (root / ".new-left").write_bytes(b"half")

    before = files(root)
    code, found = examined(capsys, root)
    assert code == 0  # servers do without what is broken
    assert files(root) == before
    assert {name for name, each in found.items() if each["state"] == "warn"} == {
        *("keys", "portraits", "recordings", "renders", "token uses"),
    }
    for broken in ("f2.mp4 does not open", "f3.json cannot be read", "f4.mp4 has no record"):
        assert broken in found["recordings"]["detail"]
    assert "1 whole, 3 broken" in found["recordings"]["detail"]
    assert "chmod 600" in found["keys"]["cure"]
    assert "1 left by a killed process" in found["unfinished files"]["detail"]

    code, found = examined(capsys, root, "--fix")
    assert code == 0
    assert {each["state"] for each in found.values()} == {"ok"}
    [lost] = (root / damage.LOST).iterdir()
    assert files(lost) == {
        *("recordings/f2.mp4", "recordings/f2.json", "recordings/f3.json", "recordings/f4.mp4"),
        *("portraits/p-1/portrait.json", "renders/r3.json", "uses/1111111/t1.json"),
        *("renders/r1/film.mp4", "renders/r2/film.mp4", "renders/r1.json", "renders/r2.json"),  # no films
        "renders/r3/audio.wav",
    }
    assert (root / "keys").stat().st_mode & 0o777 == 0o600
    assert not (root / ".new-left").exists()
    assert {each["state"] for each in examined(capsys, root)[1].values()} == {"ok"}
    assert kept.state().keys() == {"film 1", "key 1", "key 2", "uses 2"}


def test_an_image_that_is_another_one_than_it_was_is_found(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = prepare_portrait(face_file())
    library = PortraitLibrary(FolderStore(root))
    records = [record_of(owner, made) for owner in ("one", "two")]
    for record in records:
        library.add(record, made)
    assert examined(capsys, root)[1]["portraits"]["detail"] == "2 whole"
    swapped = root / "portraits" / records[1].id / IMAGE
    swapped.write_bytes(encode_lossless(np.asarray(face(300, "amara"))))
    _, found = examined(capsys, root)
    assert "its image is another one than it was made of" in found["portraits"]["detail"]
    swapped.write_bytes(swapped.read_bytes()[:1000])
    _, found = examined(capsys, root, "--fix")
    assert "its image cannot be decoded" in found["portraits"]["detail"]
    assert [each.id for each in library.load()] == [records[0].id]


def record_of(owner: str, made: PreparedPortrait) -> PortraitRecord:
    identity = portrait_id(owner, made.digest)
    return portrait_record(1, "Mine").model_copy(update={"id": identity, "owner": owner})


def test_what_is_being_written_is_left_alone(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = Kept(root)
    kept.record_film(1)
    with scratch_folder(root / "renders") as folder:
        (folder / "audio").write_bytes(b"arriving")
        _, found = examined(capsys, root, "--fix")
        assert found["unfinished files"]["detail"].startswith("1 being written")
        assert (folder / "audio").exists()


def test_a_folder_of_a_newer_version_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Kept(root).add_key(1)
    (root / layout.KEY).write_text(f"{layout.LAYOUT + 1}\n")
    code, found = examined(capsys, root)
    assert code == 1
    assert "a newer version of Livehead wrote it" in found["data folder"]["detail"]
    assert main(["serve", "--engine", "preview", "--port", "0", "--data-dir", str(root)]) == 2
    assert "a newer version of Livehead wrote it" in capsys.readouterr().err


def test_fix_is_for_the_data_folder(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--fix", "--data-dir", str(root)]) == 2
    assert "give --data, too" in capsys.readouterr().err
