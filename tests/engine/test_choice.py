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


@pytest.mark.usefixtures("cuda")
def test_who_asks_for_no_size_is_given_a_smaller_one_where_that_is_all_there_is_room_or_time_for(
    tmp_path: Path,
) -> None:
    folder = weights(tmp_path, "lite")
    spec = choose(settings(folder)).spec
    assert spec.options["size"] == 512
    assert spec.alternatives == ({"size": 384}, {"size": 256})
    spec = choose(settings(folder, memory=6)).spec
    assert (spec.options["size"], spec.options["memory"]) == (384, 6)
    assert choose(settings(folder, size=512)).spec.alternatives == ()
    assert choose(settings(folder, device="cpu", engine="flashhead")).spec.alternatives == ()


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize(
    ("variant", "size", "memory", "cure"),
    [
        ("lite", 512, 6.0, "--size 384 fits"),
        ("pro", 512, 9.0, "--size 384 fits"),
        ("pro", 256, 6.0, "--variant lite --size 384 fits"),
        ("lite", 256, 4.0, "nothing fits below --memory 5.8: lite at 256 px"),
    ],
)
def test_too_little_memory_is_said_with_what_would_fit(
    variant: str, size: int, memory: float, cure: str, tmp_path: Path
) -> None:
    folder = weights(tmp_path, variant)
    with pytest.raises(EngineError, match=f"--memory allows {memory:g}.*{cure}"):
        choose(settings(folder, engine="flashhead", variant=variant, size=size, memory=memory))
    assert cure in choose(settings(folder, variant=variant, size=size, memory=memory)).reason
