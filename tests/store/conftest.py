"""Portraits as they come from the decoder, without one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from livehead.core.portrait_check import Crop, PortraitCheck, Reason
from livehead.store.objects.folder import FolderStore
from livehead.store.portraits.library import PortraitLibrary
from livehead.store.portraits.preparation import Inspection, PreparedPortrait

CHECK = PortraitCheck(0.8, (Reason("dark", "The face is dark.", "Face a window."),), Crop(1, 2, 300))


class InstantDecoder:
    """Makes a portrait of any file at once. Other files are other pictures."""

    def __init__(self) -> None:
        self.closed = False

    async def inspect(self, data: bytes, crop: Crop | None = None) -> Inspection:
        return Inspection(640, 480, CHECK.crop, CHECK)

    async def prepare(self, data: bytes, crop: Crop | None = None) -> PreparedPortrait:
        return prepared(data)

    async def close(self) -> None:
        self.closed = True


def prepared(data: bytes) -> PreparedPortrait:
    assert CHECK.crop is not None
    return PreparedPortrait(300, CHECK.crop, CHECK, hashlib.sha256(data).hexdigest(), b"image of " + data, b"small")


@pytest.fixture
def library(tmp_path: Path) -> PortraitLibrary:
    return PortraitLibrary(FolderStore(tmp_path))
