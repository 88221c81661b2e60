"""The modules of commands, imported as they are asked for: no command waits for what only others need."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any


def chosen(names: Sequence[str], words: Sequence[str], prefix: str = "") -> list[Any]:
    """The module of the first of ``words`` where that is one of ``names``, else those of all, as for help."""
    picked = words[:1] if words and words[0] in names else names
    return [import_module(f"livehead.commands.{prefix}{name}") for name in picked]
