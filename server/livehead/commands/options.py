"""Command line options, declared once each: name, meaning, allowed values, default.

Every option is also an environment variable, ``LIVEHEAD_`` and its name in capitals; the command line wins. Options
that are settings (:mod:`livehead.settings`) take meaning, values and default from there. The others are
:class:`Option` objects: :func:`add_options` declares them to a parser, :func:`read` checks what was given.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from livehead.errors import UsageError
from livehead.settings import Settings, load, stages


@dataclass(frozen=True, slots=True)
class Option:
    """``parse`` turns the text into the value and raises ValueError, saying what it expects. ``default`` is a value,
    not a text; ``unset`` says in words what happens without the option where that is no value. ``bare`` is the text
    that ``--name`` alone stands for; without it a value is required."""

    name: str
    metavar: str
    meaning: str
    parse: Callable[[str], Any]
    default: Any = None
    unset: str = ""
    bare: str | None = None
    required: bool = False

    @property
    def flag(self) -> str:
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        return f"LIVEHEAD_{self.name.upper()}"

    @property
    def help(self) -> str:
        """The meaning, the allowed values where they are a range or a list, and the default."""
        without = (
            "required"
            if self.required
            else self.unset or ("" if self.default is None else f"default: {_shown(self.default)}")
        )
        details = "; ".join(each for each in (getattr(self.parse, "allowed", ""), without) if each)
        return f"{self.meaning} ({details})" if details else self.meaning


@dataclass(frozen=True, slots=True)
class Number:
    """Parses a number from ``least`` to ``most``."""

    least: float
    most: float

    @property
    def allowed(self) -> str:
        return f"{self.least:.12g} to {self.most:.12g}"

    def __call__(self, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not self.least <= value <= self.most:
            raise ValueError(f"a number from {self.allowed}")
        return value


@dataclass(frozen=True, slots=True)
class Whole:
    """Parses a whole number from ``least`` to ``most``, in steps of ``multiple``."""

    least: int
    most: int
    multiple: int = 1

    @property
    def allowed(self) -> str:
        return f"{self.least} to {self.most}" + (f", a multiple of {self.multiple}" if self.multiple > 1 else "")

    def __call__(self, text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = self.least - 1
        if not self.least <= value <= self.most or value % self.multiple:
            raise ValueError(f"a whole number from {self.allowed}")
        return value


@dataclass(frozen=True, slots=True)
class Wholes:
    """Parses whole numbers with commas between them; ``word`` alone stands for none."""

    most: int
    word: str = ""

    @property
    def allowed(self) -> str:
        return f"each 1 to {self.most}"

    def __call__(self, text: str) -> tuple[int, ...]:
        if self.word and text == self.word:
            return ()
        try:
            return tuple(Whole(1, self.most)(each) for each in text.split(","))
        except ValueError:
            known = f"{self.word}, or " if self.word else ""
            raise ValueError(f"{known}whole numbers from 1 to {self.most} with commas between them") from None


@dataclass(frozen=True, slots=True)
class Choice:
    """Parses one of a few words."""

    words: tuple[str, ...]

    @property
    def allowed(self) -> str:
        return ", ".join(self.words[:-1]) + f" or {self.words[-1]}"

    def __call__(self, text: str) -> str:
        if text not in self.words:
            raise ValueError(self.allowed)
        return text


def existing_file(text: str) -> Path:
    """Parses the path of a file that is there."""
    if not Path(text).is_file():
        raise ValueError("a file that exists")
    return Path(text)


def web_address(text: str) -> str:
    """Parses an address of HTTP or HTTPS."""
    if not text.startswith(("http://", "https://")):
        raise ValueError("an address that begins with http:// or https://")
    return text


def add_options(parser: argparse._ActionsContainer, options: Iterable[Option]) -> None:
    """Declare ``options`` to a parser or a group of it. Their values come from :func:`read`."""
    for option in options:
        text = option.help.replace("%", "%%")
        bare = {} if option.bare is None else {"nargs": "?", "const": option.bare}
        parser.add_argument(option.flag, dest=option.name, metavar=option.metavar, help=text, **bare)  # type: ignore[arg-type]


def read(args: argparse.Namespace, options: Iterable[Option]) -> argparse.Namespace:
    """The parsed values of ``options`` by name: from the command line, else the environment, else the default.

    Raises :class:`~livehead.errors.UsageError`, naming where the wrong value came from.
    """
    values = argparse.Namespace()
    for option in options:
        source, text = option.flag, getattr(args, option.name)
        if text is None:
            source, text = option.variable, os.environ.get(option.variable) or None
        if text is None and option.required:
            raise UsageError(f"{option.flag} is missing: {option.meaning} (see --help)")
        try:
            value = option.default if text is None else option.parse(text)
        except ValueError as error:
            raise UsageError(f"{source} {text}: expected {error}") from None
        setattr(values, option.name, value)
    return values


def add_settings(
    parser: argparse.ArgumentParser, names: Iterable[str], defaults: Mapping[str, str] | None = None
) -> None:
    """Add ``--name`` for every setting in ``names``; what is not given stays with the environment. ``defaults`` are
    what this command takes without one, where that is not the setting's own default."""
    fields = {name: field for stage in stages() for name, field in stage.model_fields.items()}
    for name in names:
        field = fields[name]
        default = "" if field.default is None else f"default: {(defaults or {}).get(name, field.default)}"
        details = "; ".join(each for each in (_allowed(field.metadata), default) if each)
        choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else None
        flag = f"--{name.replace('_', '-')}"
        if field.annotation is bool:
            text = (field.description or "").rstrip(".").replace("%", "%%")
            parser.add_argument(flag, action="store_true", default=None, help=text)
            continue
        if field.annotation == bool | None:
            text = (field.description or "").rstrip(".").replace("%", "%%")
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=text)
            continue
        parser.add_argument(
            flag,
            default=None,
            choices=choices,
            metavar="{" + ",".join(choices) + "}" if choices else name.rpartition("_")[2].upper(),
            help=f"{(field.description or '').rstrip('.')}{f' ({details})' if details else ''}".replace("%", "%%"),
        )


def settings_from(args: argparse.Namespace, given: Mapping[str, Any] | None = None) -> Settings:
    """The settings under the given options. Raises :class:`~livehead.errors.UsageError`."""
    names = {name for stage in stages() for name in stage.model_fields}
    chosen = {name: value for name, value in vars(args).items() if name in names and value is not None}
    return load(chosen | dict(given or {}))


LATENCY = {"latency": "low"}
"""The default of commands that make or measure something by themselves."""


def latency_from(settings: Settings) -> str:
    """The latency that was asked for, on the command line or in the environment, else that of :data:`LATENCY`."""
    return settings.sessions.latency if "latency" in settings.sessions.model_fields_set else LATENCY["latency"]


def _allowed(bounds: Iterable[Any]) -> str:
    """The range that a setting's metadata states, in words; empty where it states none."""
    found = {
        name: getattr(each, name) for each in bounds for name in ("ge", "le", "multiple_of") if hasattr(each, name)
    }
    if not {"ge", "le"} <= found.keys():
        return ""
    return Whole(found["ge"], found["le"], found.get("multiple_of", 1)).allowed


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(str(each) for each in value)
    return f"{value:.12g}" if isinstance(value, float) else str(value)
