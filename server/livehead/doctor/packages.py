"""Python and the packages: installed, and in a version that Livehead was made for."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator

from packaging.requirements import Requirement

from livehead.doctor.environment import Environment
from livehead.doctor.finding import Finding, fail, ok, warn, worse
from livehead.settings import Settings

OLDEST = (3, 11)


def check_python(settings: Settings, environment: Environment) -> Iterator[Finding]:
    said = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < OLDEST:
        yield fail("python", said, f"Use Python {OLDEST[0]}.{OLDEST[1]} or newer.")
    elif platform.system() != "Linux":
        yield warn("python", said, "Livehead is tested on Linux only.")
    else:
        yield ok("python", said)


def check_packages(settings: Settings, environment: Environment) -> Iterator[Finding]:
    """The package's declared requirements, compared with what is installed."""
    yield from _compare(environment, "", "packages", "pip install --upgrade livehead", failed=True)


def check_flashhead_packages(settings: Settings, environment: Environment) -> Iterator[Finding]:
    """Those of FlashHead are no failure if another engine was asked for."""
    cure = "pip install 'livehead[flashhead]'"
    failed = settings.engine.engine == "flashhead"
    yield from _compare(environment, "flashhead", "flashhead packages", cure, failed=failed)


def _compare(environment: Environment, extra: str, name: str, cure: str, *, failed: bool) -> Iterator[Finding]:
    lines = environment.requirements()
    if lines is None:
        if not extra:
            yield warn(name, "livehead is not installed: its requirements are unknown", "pip install . (or make run)")
        return
    required = [each for each in map(Requirement, lines) if _belongs_to(each, extra)]
    faults = [fault for fault in (_fault(each, environment) for each in required) if fault]
    if faults:
        yield worse(failed)(name, "; ".join(faults), cure)
    elif len(required) > 4:
        yield ok(name, f"all {len(required)} are installed, in versions that Livehead was made for")
    else:
        yield ok(name, ", ".join(f"{each.name} {environment.version(each.name)}" for each in required))


def _belongs_to(requirement: Requirement, extra: str) -> bool:
    """Whether it is required here, by ``extra`` and not without it; the empty name stands for no extra."""
    if requirement.marker is None:
        return not extra
    required = requirement.marker.evaluate({"extra": extra})
    return required and (not extra or not requirement.marker.evaluate({"extra": ""}))


def _fault(requirement: Requirement, environment: Environment) -> str | None:
    version = environment.version(requirement.name)
    if version is None:
        return f"{requirement.name} is missing"
    if requirement.specifier.contains(version, prereleases=True):
        return None
    return f"{requirement.name} {version} is installed, {requirement.specifier} is required"
