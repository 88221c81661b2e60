"""What is wrong with a picture as a portrait, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

ReasonCode: TypeAlias = Literal[
    "no-face",
    "several-faces",
    "too-small",
    "cut-off",
    "turned",
    "tilted",
    "mouth-open",
    "eyes-shut",
    "dark",
    "bright",
    "blurred",
    "low-contrast",
    "covered",
]


@dataclass(frozen=True, slots=True)
class Reason:
    """``message`` says what is wrong, ``remedy`` what to do about it, each one sentence."""

    code: ReasonCode
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Crop:
    """A square of an upright picture, in its pixels: the left and upper edge and the side."""

    x: int
    y: int
    side: int


@dataclass(frozen=True, slots=True)
class PortraitCheck:
    """``score`` is from 0, of no use, to 1, nothing to complain of; ``reasons`` come the worst first. ``crop`` is the
    square round the face that makes the best portrait, None where there is no face."""

    score: float
    reasons: tuple[Reason, ...]
    crop: Crop | None

    def to_json(self) -> dict[str, Any]:
        """``{"score", "reasons": [{"code", "message", "remedy"}]}``."""
        reasons = [{"code": each.code, "message": each.message, "remedy": each.remedy} for each in self.reasons]
        return {"score": round(self.score, 2), "reasons": reasons}
