"""The weights, by names and sizes, and the engine that will run."""

from __future__ import annotations

from collections.abc import Iterator

from livehead.doctor.finding import Finding, fail, ok, warn
from livehead.engine.choice import choose
from livehead.errors import EngineError
from livehead.models.inventory import take
from livehead.models.pins import of_variants, read_pins
from livehead.models.places import models_folder
from livehead.settings import Settings


def check_weights(settings: Settings) -> Iterator[Finding]:
    engine, folder = settings.engine, models_folder(settings.engine)
    items = list(take(of_variants(read_pins(), [engine.variant]), folder))
    absent = [item for item in items if item.state == "missing"]
    begun = [item for item in items if item.state == "download not finished"]
    cure = f"livehead models download {engine.variant}"
    if begun or absent:
        lacking = (begun or absent)[0]
        said = f"{folder}: {lacking.pin.local} is {'not completely downloaded' if begun else 'missing'}"
        if engine.engine == "flashhead":
            yield fail("weights", said, cure)
        else:
            yield warn("weights", said, f"{cure}, for the flashhead engine. The preview engine needs none.")
        return
    strange = [item.pin.local.name for item in items if item.pin.size not in (None, item.size)]
    total = sum(item.size or 0 for item in items) / 1e9
    if strange:
        yield warn(
            "weights",
            f"{engine.variant} in {folder}: {strange[0]} does not have the published size",
            f"livehead models verify {engine.variant}. Synthetic weights differ in size, and are fine.",
        )
    else:
        yield ok(
            "weights", f"{engine.variant} in {folder}, {total:.1f} GB (to read them: livehead models verify)"
        )


def check_engine(settings: Settings) -> Iterator[Finding]:
    try:
        choice = choose(settings.engine)
    except EngineError as error:
        yield fail("engine", str(error), "Follow the advice above, or serve with --engine preview.")
        return
    yield ok("engine", f"{choice.name} ({choice.reason})")
