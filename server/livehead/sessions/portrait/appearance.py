"""What a session's viewers are to see."""

from __future__ import annotations

from dataclasses import dataclass

from livehead.core.look import KEEP, Look


@dataclass(frozen=True, slots=True)
class Appearance:
    """An avatar, and what is behind it."""

    avatar: str
    look: Look = KEEP

    def __str__(self) -> str:
        before = "" if self.look.kind == "keep" else f" before {self.look.background}"
        return f"avatar {self.avatar}{before}"
