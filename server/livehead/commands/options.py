"""Command line options: those that are settings have one source for name, meaning and default; others are numbers."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import Any

from livehead.errors import UsageError
from livehead.settings import Settings, load, stages


def add_settings(parser: argparse.ArgumentParser, names: Iterable[str]) -> None:
    """Add ``--name`` for every setting in ``names``; what is not given stays with the environment."""
    fields = {name: field for stage in stages() for name, field in stage.model_fields.items()}
    for name in names:
        field = fields[name]
        default = "" if field.default is None else f" (default: {field.default})"
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            default=None,
            metavar=name.rpartition("_")[2].upper(),
            help=f"{field.description}{default}".replace("%", "%%"),
        )


def settings_from(args: argparse.Namespace, given: Mapping[str, Any] | None = None) -> Settings:
    """The settings under the given options. Raises :class:`~livehead.errors.UsageError`."""
    names = {name for stage in stages() for name in stage.model_fields}
    chosen = {name: value for name, value in vars(args).items() if name in names and value is not None}
    return load(chosen | dict(given or {}))


def number(given: str | None, name: str, default: float, least: float, most: float, *, whole: bool = False) -> float:
    """What was ``given`` for ``--name``, from ``least`` to ``most``. Raises UsageError."""
    if given is None:
        return default
    try:
        value = float(given)
    except ValueError:
        value = float("nan")
    if not least <= value <= most or (whole and value != int(value)):
        kind = "a whole number" if whole else "a number"
        raise UsageError(f"--{name} {given}: {kind} from {least:g} to {most:g} is wanted")
    return value


def numbers(given: str, name: str, most: int) -> tuple[int, ...]:
    """Whole numbers from 1 to ``most``, with commas between them. Raises UsageError."""
    return tuple(int(number(each, name, 1, 1, most, whole=True)) for each in given.split(","))
