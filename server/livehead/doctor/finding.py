"""The result of one check of the machine or the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from livehead.doctor.environment import Environment
from livehead.settings import Settings

State: TypeAlias = Literal["ok", "warn", "fail"]
Group: TypeAlias = Literal["machine", "flashhead", "media", "network", "docker", "data"]


@dataclass(frozen=True, slots=True)
class Finding:
    """``warn``: it works, but less well or not for everybody. ``fail``: ``livehead serve`` cannot do what its settings
    ask for. ``cure`` says what to do about either. ``group`` is given by the examination."""

    name: str
    state: State
    detail: str
    cure: str = ""
    group: Group = "machine"


Check: TypeAlias = Callable[[Settings, Environment], Iterator[Finding]]


def ok(name: str, detail: str) -> Finding:
    return Finding(name, "ok", detail)


def warn(name: str, detail: str, cure: str) -> Finding:
    return Finding(name, "warn", detail, cure)


def fail(name: str, detail: str, cure: str) -> Finding:
    return Finding(name, "fail", detail, cure)


def worse(failed: bool) -> Callable[[str, str, str], Finding]:
    """:func:`fail` or :func:`warn`."""
    return fail if failed else warn
