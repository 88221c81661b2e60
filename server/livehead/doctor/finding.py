"""The result of one check of the machine or the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """``warn``: it works, but less well or not for everybody. ``fail``: ``livehead serve`` cannot do what its settings
    ask for. ``cure`` says what to do about either."""

    name: str
    state: State
    detail: str
    cure: str = ""


def ok(name: str, detail: str) -> Finding:
    return Finding(name, "ok", detail)


def warn(name: str, detail: str, cure: str) -> Finding:
    return Finding(name, "warn", detail, cure)


def fail(name: str, detail: str, cure: str) -> Finding:
    return Finding(name, "fail", detail, cure)
