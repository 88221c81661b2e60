"""Which files of which hub revisions the engine is made for: the weights of the vendored sources, read."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from livehead.errors import UsageError
from livehead.vendor.sources import PUBLISHED

VARIANTS = ("lite", "pro")


@dataclass(frozen=True, slots=True)
class Pin:
    """One file of a hub repository. ``size`` in bytes and ``sha256`` are None where only the hub knows them."""

    repo: str
    revision: str
    folder: str
    path: str
    variants: tuple[str, ...]
    size: int | None = None
    sha256: str | None = None

    @property
    def local(self) -> Path:
        """Where the file lies below the models folder."""
        return Path(self.folder) / self.path


def read_pins(path: Path = PUBLISHED) -> tuple[Pin, ...]:
    """Raises UsageError for a file that pins no weights."""
    try:
        with path.open("rb") as file:
            data = tomllib.load(file)
        repos = data["repos"]
        return tuple(
            Pin(
                repo=repos[entry["repo"]]["id"],
                revision=repos[entry["repo"]]["revision"],
                folder=repos[entry["repo"]]["folder"],
                path=entry["path"],
                variants=tuple(entry["variants"]),
                size=entry.get("size"),
                sha256=entry.get("sha256"),
            )
            for entry in data["weights"]
        )
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise UsageError(f"{path} does not say which weights: {error}") from None


def of_variants(pins: Sequence[Pin], variants: Sequence[str]) -> list[Pin]:
    """The files that these variants need, each once."""
    return [pin for pin in pins if set(pin.variants) & set(variants)]
