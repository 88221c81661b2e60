"""The weights: where they are, and whether all are there under their names, in their sizes and, if asked, with their
hashes; and the engine that will run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from livehead.doctor.environment import Environment
from livehead.doctor.finding import Finding, fail, ok, warn, worse
from livehead.engine.choice import choose
from livehead.errors import EngineError
from livehead.models.inventory import take, verify
from livehead.models.pins import Pin, of_variants, read_pins
from livehead.models.places import models_folder, models_places
from livehead.settings import EngineSettings, Settings

WRONG = ("damaged", "not the published file")


def check_weights(settings: Settings, environment: Environment) -> Iterator[Finding]:
    engine, folder = settings.engine, models_folder(settings.engine)
    pins = of_variants(read_pins(), [engine.variant])
    items = list(take(pins, folder))
    absent = [item for item in items if item.state == "missing"]
    begun = [item for item in items if item.state == "download not finished"]
    cure = f"livehead models download {engine.variant}"
    if begun or absent:
        worst = worse(engine.engine == "flashhead")
        if named := _misnamed(folder, [pin.folder for pin in pins], environment):
            yield worst("weights", *named)
            return
        lacking = (begun or absent)[0]
        said = f"{folder}: {lacking.pin.local} is {'not completely downloaded' if begun else 'missing'}"
        if len(absent) == len(items) and engine.models is None:
            said = f"none in {_listed(models_places(engine))}"
        yield worst("weights", said, f"{cure} ({_needed(pins, engine, environment, folder)})")
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
        yield ok("weights", f"{engine.variant} in {folder}, {total:.1f} GB (to read them: livehead doctor --hashes)")


def check_hashes(settings: Settings, environment: Environment) -> Iterator[Finding]:
    """Reads all of them. Nothing where files are missing: check_weights says so."""
    engine, folder = settings.engine, models_folder(settings.engine)
    items = list(verify(of_variants(read_pins(), [engine.variant]), folder, lambda count: None))
    if any(item.size is None or item.state == "download not finished" for item in items):
        return
    wrong = [item for item in items if item.state in WRONG]
    if wrong:
        path = folder / wrong[0].pin.local
        yield worse(engine.engine == "flashhead")(
            "hashes",
            f"{path} is {wrong[0].state}",
            f"Move it away, then livehead models download {engine.variant}. Synthetic weights differ, and are fine.",
        )
    else:
        yield ok("hashes", f"all {len(items)} files in {folder} are as published")


def check_engine(settings: Settings, environment: Environment) -> Iterator[Finding]:
    try:
        choice = choose(settings.engine)
    except EngineError as error:
        yield fail("engine", str(error), "Follow the advice above, or serve with --engine preview.")
        return
    yield ok("engine", f"{choice.name} ({choice.reason})")


def _misnamed(folder: Path, names: Sequence[str], environment: Environment) -> tuple[str, str] | None:
    """What is wrong with the folders' names, and the cure; None where nothing looks like it."""
    wanted = {_plain(name): name for name in names}
    if _plain(folder.name) in wanted:
        return f"{folder} is a model's own folder, not the one that holds it", f"Use --models {folder.parent}."
    there = environment.folders(folder)
    for name in there:
        right = wanted.get(_plain(name))
        if right is not None and right != name and right not in there:
            return f"{folder} holds {name}, which should be called {right}", f"mv '{folder / name}' '{folder / right}'"
    for name in there:
        if any(_plain(each) in wanted for each in environment.folders(folder / name)):
            return f"the models are one folder deeper, in {folder / name}", f"Use --models {folder / name}."
    return None


def _plain(name: str) -> str:
    """What people and tools change in a name: case, dots, dashes, the owner before it."""
    return re.sub(r"[^a-z0-9]", "", name.lower().rpartition("--")[2])


def _needed(pins: Sequence[Pin], engine: EngineSettings, environment: Environment, folder: Path) -> str:
    size = sum(pin.size or 0 for pin in pins) / 1e9
    free, _ = environment.disk_gb(folder)
    return f"{size:.1f} GB, of {free:.0f} GB free in {folder}" + ("; free more first" if free < size else "")


def _listed(places: Sequence[Path]) -> str:
    *others, last = (str(place) for place in places)
    return f"{', '.join(others)} or {last}" if others else last
