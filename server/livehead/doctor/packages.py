"""Python and the packages: there, and of a version that will do."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from importlib import metadata

from livehead.doctor.finding import Finding, fail, ok, warn
from livehead.settings import Settings

OLDEST = (3, 11)

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_BOUND = re.compile(r"(>=|<)\s*([0-9]+(?:\.[0-9]+)*)")
_EXTRA = re.compile(r"extra\s*==\s*['\"](\w+)['\"]")


def look_at_python(settings: Settings) -> Iterator[Finding]:
    said = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < OLDEST:
        yield fail("python", said, f"Use Python {OLDEST[0]}.{OLDEST[1]} or newer.")
    elif platform.system() != "Linux":
        yield warn("python", said, "Livehead is tested on Linux only.")
    else:
        yield ok("python", said)


def look_at_packages(settings: Settings) -> Iterator[Finding]:
    """What the package says it needs, against what is installed. What only FlashHead needs is no fault where another
    engine was asked for."""
    try:
        wanted = metadata.requires("livehead") or []
    except metadata.PackageNotFoundError:
        yield warn("packages", "livehead is not installed, so its needs are not known", "pip install . (or make run)")
        return
    for extra, name, cure in (
        (None, "packages", "pip install --upgrade livehead"),
        ("flashhead", "flashhead packages", "pip install 'livehead[flashhead]'"),
    ):
        lines = [line for line in wanted if _extra(line) == extra]
        wrong = [fault for fault in map(_fault, lines) if fault]
        if not wrong:
            yield ok(name, ", ".join(_version(line) for line in lines))
        elif extra is None or settings.engine.engine == "flashhead":
            yield fail(name, "; ".join(wrong), cure)
        else:
            yield warn(name, "; ".join(wrong), f"{cure}, for the flashhead engine. The preview engine does without.")


def _extra(requirement: str) -> str | None:
    found = _EXTRA.search(requirement)
    return found[1] if found else None


def _split(requirement: str) -> tuple[str, str]:
    """The package's name, and what is said of its version."""
    found = _NAME.match(requirement)
    assert found is not None
    return found[0], requirement[found.end() :].partition(";")[0]


def _version(requirement: str) -> str:
    name, _ = _split(requirement)
    return f"{name} {metadata.version(name)}"


def _fault(requirement: str) -> str | None:
    name, bounds = _split(requirement)
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"{name} is missing"
    for sign, number in _BOUND.findall(bounds):
        if (_numbers(version) >= _numbers(number)) != (sign == ">="):
            return f"{name} {version} is there, {sign}{number} is wanted"
    return None


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()
