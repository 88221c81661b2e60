"""What ``default`` shows."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import pictures
from livehead.avatars import DEFAULT_ID, AvatarStore
from livehead.errors import PortraitError, UsageError
from livehead.settings import load
from livehead.store.portraits.decoding import PortraitDecoder
from livehead.store.portraits.default import find_default
from livehead.vendor.sources import DEFAULT_PORTRAIT


def default_of(folder: Path, **given: object) -> AvatarStore:
    return AvatarStore(default=find_default(load({"vendor_dir": folder / "vendor"} | given), PortraitDecoder()))


def test_it_is_the_drawn_one_where_nothing_else_is_there(tmp_path: Path) -> None:
    assert find_default(load({"vendor_dir": tmp_path}), PortraitDecoder()) is None


async def test_a_file_is_shown_cropped_to_its_face(tmp_path: Path) -> None:
    path = tmp_path / "my_face.jpg"
    path.write_bytes(pictures.turned(6, 700))
    store = await asyncio.to_thread(default_of, tmp_path, portrait=str(path))
    avatar = store.get(DEFAULT_ID)
    assert (avatar.name, avatar.builtin, avatar.media_type) == ("My face", True, "image/webp")
    portrait = await store.portrait(DEFAULT_ID)
    assert portrait.shape == (avatar.height, avatar.width, 3)
    assert (portrait == pictures.pixels_of(await store.image(DEFAULT_ID))).all()
    assert len(store.list()) == 6


async def test_another_built_in_one_may_be_it_and_is_listed_once(tmp_path: Path) -> None:
    store = await asyncio.to_thread(default_of, tmp_path, portrait="juno")
    assert store.get(DEFAULT_ID).name == "Juno"
    assert (await store.image(DEFAULT_ID)) == (await store.image("juno"))
    assert [avatar.id for avatar in store.list()] == [DEFAULT_ID, "daniel", "amara", "ingrid", "arjun"]


def test_what_was_fetched_is_shown_where_it_is_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "vendor" / DEFAULT_PORTRAIT
    path.parent.mkdir(parents=True)
    path.write_bytes(pictures.face_file("PNG", 300))
    assert default_of(tmp_path).get(DEFAULT_ID).path == path
    assert default_of(tmp_path, portrait="juno").get(DEFAULT_ID).name == "Juno"
    path.write_bytes(b"half")
    assert default_of(tmp_path).get(DEFAULT_ID).name == "Maya"
    assert "the drawn portrait stays" in caplog.text


def test_what_cannot_be_shown_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no image at nobody.*juno"):
        default_of(tmp_path, portrait="nobody")
    for content, words in ((pictures.SVG, "PNG, JPEG or WebP"), (pictures.encoded(pictures.wall()), "no face")):
        path = tmp_path / "picture"
        path.write_bytes(content)
        with pytest.raises(PortraitError, match=words) as refusal:
            default_of(tmp_path, portrait=str(path))
        assert str(path) in str(refusal.value)
