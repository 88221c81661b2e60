"""Command line options that are settings: one source for name, meaning and default."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import Any

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
