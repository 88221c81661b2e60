"""How a portrait's background is to look."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from livehead.core.limits import MAX_NAME
from livehead.errors import MalformedError

LookKind: TypeAlias = Literal["keep", "colour", "blur", "transparent", "picture"]

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_WORDS = ("keep", "blur", "transparent")


@dataclass(frozen=True, slots=True)
class Look:
    """``background`` is ``keep``, ``blur``, ``transparent``, a colour as ``#rrggbb``, or the id of an avatar whose
    image is put behind the portrait."""

    background: str = "keep"

    @property
    def kind(self) -> LookKind:
        if self.background in _WORDS:
            return self.background  # type: ignore[return-value]
        return "colour" if _COLOUR.fullmatch(self.background) else "picture"

    @property
    def avatars(self) -> tuple[str, ...]:
        """The ids that it names."""
        return (self.background,) if self.kind == "picture" else ()

    @property
    def rgb(self) -> tuple[int, int, int]:
        """The colour of a look whose kind is ``colour``."""
        red, green, blue = bytes.fromhex(self.background[1:])
        return red, green, blue


KEEP = Look()
"""The portrait as it is."""


def read_look(given: Mapping[str, Any]) -> Look:
    """A client's look, the object ``{"background": …}``. Fields that are not known are ignored.

    Raises MalformedError where the background is no string, is empty or too long, or looks like a colour and is none.
    """
    background = given.get("background", "keep")
    wanted = "keep, #rrggbb, blur, transparent or the id of an avatar"
    if not isinstance(background, str) or not background or len(background) > MAX_NAME:
        raise MalformedError(f'"background" must be {wanted}')
    if background.startswith("#") and not _COLOUR.fullmatch(background):
        raise MalformedError(f'"background" {background[:20]!r} is no colour: write it as #rrggbb')
    return Look(background)
