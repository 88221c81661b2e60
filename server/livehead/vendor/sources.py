"""What comes from other projects: ``sources.toml``, read. Its weights are read by :mod:`livehead.models.pins`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from livehead.errors import UsageError

PUBLISHED = Path(__file__).with_name("sources.toml")

DEFAULT_PORTRAIT = Path("SoulX-FlashHead/examples/girl.png")
"""Below the vendor folder: the portrait that is the default one where it is there."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file over HTTP. ``path`` is below the vendor folder, ``size`` in bytes or None where only the server knows
    it, ``sha256`` in hexadecimal."""

    path: Path
    url: str
    size: int | None
    sha256: str
    licence: str
    about: str


@dataclass(frozen=True, slots=True)
class Code:
    """A git repository at one commit, 40 hexadecimal digits. ``folder`` is below the vendor folder."""

    folder: Path
    repository: str
    commit: str
    licence: str
    about: str


@dataclass(frozen=True, slots=True)
class WheelList:
    """A package that is built for each combination of Python, torch, CUDA and C++ ABI. ``list`` holds the addresses."""

    name: str
    list: Path
    licence: str
    about: str


@dataclass(frozen=True, slots=True)
class Sources:
    code: tuple[Code, ...]
    files: tuple[Source, ...]
    wheels: tuple[WheelList, ...]


def read_sources(path: Path = PUBLISHED) -> Sources:
    """Raises UsageError for a file that is no list of sources."""
    try:
        with path.open("rb") as file:
            data = tomllib.load(file)
        sources = Sources(
            code=tuple(Code(**{**entry, "folder": Path(entry["folder"])}) for entry in data.get("code", [])),
            files=tuple(Source(**{**entry, "path": Path(entry["path"])}) for entry in data.get("files", [])),
            wheels=tuple(
                WheelList(**{**entry, "list": path.parent / entry["list"]}) for entry in data.get("wheels", [])
            ),
        )
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is not a list of sources: {error}") from None
    for place in (*(code.folder for code in sources.code), *(source.path for source in sources.files)):
        if place.is_absolute() or ".." in place.parts:
            raise UsageError(f"{path}: {place} is not below the vendor folder")
    return sources
