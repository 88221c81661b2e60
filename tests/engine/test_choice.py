"""Which engine is taken, and what is said about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from livehead.engine import choice
from livehead.engine.choice import choose
from livehead.errors import EngineError
from livehead.models.pins import of_variants, read_pins
from livehead.settings import EngineSettings


def settings(folder: Path, **given: object) -> EngineSettings:
    return EngineSettings.model_validate({"models": folder, **given})


def weights(folder: Path, variant: str) -> Path:
    for pin in of_variants(read_pins(), [variant]):
        (folder / pin.local).parent.mkdir(parents=True, exist_ok=True)
        (folder / pin.local).touch()
    return folder


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "cuda_devices", lambda: 1)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())


@pytest.mark.usefixtures("cuda")
def test_auto_takes_flashhead_where_cuda_and_the_weights_are(tmp_path: Path) -> None:
    chosen = choose(settings(weights(tmp_path, "pro"), variant="pro", attention="fa3"))
    assert (chosen.name, chosen.variant) == ("flashhead", "pro")
    assert chosen.spec.options["attention"] == "fa3"
    other = choose(settings(tmp_path, variant="lite"))
    assert other.name == "preview"
    assert "livehead models download lite" in other.reason


def test_auto_takes_preview_where_there_is_no_cuda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "cuda_devices", lambda: 0)
    folder = weights(tmp_path, "lite")
    assert "CUDA" in choose(settings(folder)).reason
    with pytest.raises(EngineError, match="CUDA"):
        choose(settings(folder, engine="flashhead"))


@pytest.mark.usefixtures("cuda")
def test_the_cpu_is_taken_only_where_it_is_asked_for(tmp_path: Path) -> None:
    folder = weights(tmp_path, "lite")
    assert choose(settings(folder, device="cpu")).name == "preview"
    assert choose(settings(folder, device="cpu", engine="flashhead")).name == "flashhead"
    assert choose(settings(folder, engine="preview")).name == "preview"


@pytest.mark.usefixtures("cuda")
def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"Model_Lite.config.json.*models download lite"):
        choose(settings(tmp_path, engine="flashhead"))
