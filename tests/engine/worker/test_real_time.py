"""Which generator a machine is given that is too slow for the first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import fakes
from livehead.engine.base import EngineSpec, Generator, Preset
from livehead.engine.capacity.model import StepTime
from livehead.engine.capacity.profile import Profile
from livehead.engine.worker.real_time import make_in_real_time

PRESETS = {"low": Preset(2, 0, 600), "throughput": Preset(8, 0, 2000)}
SMALLER = ({"size": 48}, {"size": 32})


def seconds_at(per_pixel: float) -> Any:
    """Measures as on a device that takes so long for a pixel of a step."""

    def measure(generator: Generator) -> Profile:
        step = StepTime(1, per_pixel * generator.info.height**2, per_pixel * generator.info.height**2)
        return Profile(PRESETS, {name: [step] for name in PRESETS}, cores=8, on_cpu=False)

    return measure


def spec(alternatives: tuple[dict[str, int], ...] = SMALLER) -> EngineSpec:
    return EngineSpec("fakes:create", {"size": 64, "window": 8}, alternatives)


@pytest.fixture(autouse=True)
def _presets(monkeypatch: pytest.MonkeyPatch) -> None:
    own = fakes.FakeGenerator.info.fget  # type: ignore[attr-defined]

    def info(self: fakes.FakeGenerator) -> Any:
        return replace(own(self), presets=PRESETS)

    monkeypatch.setattr(fakes.FakeGenerator, "info", property(info))


@pytest.mark.parametrize(
    ("per_pixel", "size"),
    [(0.2 / 64**2, 64), (0.3 / 64**2, 48), (0.5 / 48**2, 32), (1.0, 32)],
    ids=["as asked", "one smaller", "two smaller", "never"],
)
def test_the_largest_that_is_in_real_time_is_taken(
    per_pixel: float, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    made = make_in_real_time(spec(), seconds_at(per_pixel))
    assert made.generator.info.height == size
    assert made.spec == EngineSpec("fakes:create", {"size": size, "window": 8})
    assert ("since 64 × 64" in made.why or "since 48 × 48" in made.why) == (size < 64)
    assert ("pictures come late" in caplog.text) == (per_pixel == 1.0)


def test_a_size_that_was_asked_for_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    made = make_in_real_time(spec(()), seconds_at(0.3 / 64**2))
    assert made.generator.info.height == 64
    assert "64 × 64 takes 0.30 s for 0.32 s of pictures on fake: pictures come late" in caplog.text
