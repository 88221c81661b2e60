"""Where the weights are looked for, and where they are downloaded to."""

from __future__ import annotations

from pathlib import Path

import pytest

from livehead.models.places import models_folder, models_places
from livehead.settings import EngineSettings

NAME = "SoulX-FlashHead-1_3B"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EngineSettings:
    monkeypatch.chdir(tmp_path)
    return EngineSettings()


def test_a_folder_that_was_set_is_the_only_one(tmp_path: Path) -> None:
    (tmp_path / "mounted" / NAME).mkdir(parents=True)
    set_ = EngineSettings(models=tmp_path / "mine")
    assert models_places(set_) == (tmp_path / "mine",)
    assert models_folder(set_, tmp_path / "mounted") == tmp_path / "mine"


def test_the_first_that_holds_weights(settings: EngineSettings, tmp_path: Path) -> None:
    mounted = tmp_path / "mounted"
    (mounted / NAME).mkdir(parents=True)
    (tmp_path / "models/other").mkdir(parents=True)
    assert models_folder(settings, mounted) == mounted
    (tmp_path / "vendor/SoulX-FlashHead/models/wav2vec2-base-960h").mkdir(parents=True)
    assert models_folder(settings, mounted) == Path("vendor/SoulX-FlashHead/models")
    (tmp_path / "models" / NAME).mkdir()
    assert models_folder(settings, mounted) == Path("models")


def test_where_none_are_they_go_to_the_mounted_folder_or_the_vendor_folder(
    settings: EngineSettings, tmp_path: Path
) -> None:
    assert models_folder(settings, tmp_path / "mounted") == Path("vendor/SoulX-FlashHead/models")
    (tmp_path / "mounted").mkdir()
    assert models_folder(settings, tmp_path / "mounted") == tmp_path / "mounted"
