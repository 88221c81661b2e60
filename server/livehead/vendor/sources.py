"""What is fetched from other projects: ``sources.toml``, read."""

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
    """One file. ``path`` is below the vendor folder, ``size`` in bytes, ``sha256`` in hexadecimal."""

    path: Path
    url: str
    size: int
    sha256: str
    licence: str
    about: str


def read_sources(path: Path = PUBLISHED) -> tuple[Source, ...]:
    """Raises UsageError for a file that is no list of sources."""
    try:
        with path.open("rb") as file:
            entries = tomllib.load(file)["files"]
        sources = tuple(Source(**{**entry, "path": Path(entry["path"])}) for entry in entries)
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not a list of sources: {error}") from None
    for source in sources:
        if source.path.is_absolute() or ".." in source.path.parts:
            raise UsageError(f"{path}: {source.path} is not below the vendor folder")
    return sources
