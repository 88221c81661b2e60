"""Python and the packages: installed, and in a version that Livehead was made for."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement

from livehead.doctor.finding import Finding, fail, ok, warn
from livehead.settings import Settings

OLDEST = (3, 11)


def check_python(settings: Settings) -> Iterator[Finding]:
    said = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < OLDEST:
        yield fail("python", said, f"Use Python {OLDEST[0]}.{OLDEST[1]} or newer.")
    elif platform.system() != "Linux":
        yield warn("python", said, "Livehead is tested on Linux only.")
    else:
        yield ok("python", said)


def check_packages(settings: Settings) -> Iterator[Finding]:
    """The package's declared requirements, compared with what is installed. A package that only FlashHead needs is no
    failure if another engine was asked for."""
    try:
        declared = [Requirement(line) for line in metadata.requires("livehead") or []]
    except metadata.PackageNotFoundError:
        yield warn("packages", "livehead is not installed: its requirements are unknown", "pip install . (or make run)")
        return
    for extra, name, cure in (
        ("", "packages", "pip install --upgrade livehead"),
        ("flashhead", "flashhead packages", "pip install 'livehead[flashhead]'"),
    ):
        required = [each for each in declared if _belongs_to(each, extra)]
        faults = [fault for fault in map(_fault, required) if fault]
        if not faults:
            yield ok(name, ", ".join(f"{each.name} {metadata.version(each.name)}" for each in required))
        elif not extra or settings.engine.engine == "flashhead":
            yield fail(name, "; ".join(faults), cure)
        else:
            yield warn(name, "; ".join(faults), f"{cure}, for the flashhead engine. The preview engine works without.")


def _belongs_to(requirement: Requirement, extra: str) -> bool:
    """Whether it is required here, by ``extra`` and not without it; the empty name stands for no extra."""
    if requirement.marker is None:
        return not extra
    required = requirement.marker.evaluate({"extra": extra})
    return required and (not extra or not requirement.marker.evaluate({"extra": ""}))


def _fault(requirement: Requirement) -> str | None:
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is missing"
    if requirement.specifier.contains(version, prereleases=True):
        return None
    return f"{requirement.name} {version} is installed, {requirement.specifier} is required"
