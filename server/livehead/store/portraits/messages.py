"""What goes between the server and the process that decodes a picture."""

from __future__ import annotations

from typing import Literal, Self, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field

from livehead.core.portrait_check import Crop, PortraitCheck, Reason, ReasonCode
from livehead.errors import PortraitError, RequestError, TooLargeError, UnsupportedTypeError
from livehead.store.portraits.preparation import Inspection, PreparedPortrait

Kind: TypeAlias = Literal["PortraitError", "TooLargeError", "UnsupportedTypeError"]

_ERRORS: dict[Kind, type[RequestError]] = {
    "PortraitError": PortraitError,
    "TooLargeError": TooLargeError,
    "UnsupportedTypeError": UnsupportedTypeError,
}


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SentCrop(_Message):
    x: int
    y: int
    side: int

    @classmethod
    def of(cls, crop: Crop) -> Self:
        return cls(x=crop.x, y=crop.y, side=crop.side)

    def to_crop(self) -> Crop:
        return Crop(self.x, self.y, self.side)


class SentReason(_Message):
    code: ReasonCode
    message: str = Field(max_length=500)
    remedy: str = Field(max_length=500)


class SentCheck(_Message):
    """``score`` and ``reasons`` of a :class:`~livehead.core.portrait_check.PortraitCheck`."""

    score: float = Field(ge=0, le=1)
    reasons: tuple[SentReason, ...] = Field(max_length=len(get_args(ReasonCode)))

    @classmethod
    def of(cls, check: PortraitCheck) -> Self:
        reasons = (SentReason(code=each.code, message=each.message, remedy=each.remedy) for each in check.reasons)
        return cls(score=check.score, reasons=tuple(reasons))

    def to_check(self, crop: Crop | None) -> PortraitCheck:
        reasons = tuple(Reason(each.code, each.message, each.remedy) for each in self.reasons)
        return PortraitCheck(self.score, reasons, crop)


class Order(_Message):
    """``keep``: whether a portrait is to be made, or the picture only looked at. ``crop`` is a user's own."""

    keep: bool
    crop: SentCrop | None = None


class Refusal(_Message):
    kind: Kind
    problem: str
    detail: str = Field(max_length=1000)

    @classmethod
    def of(cls, error: RequestError) -> Self:
        """Raises KeyError for an error that decoding does not raise."""
        kind = next(kind for kind, each in _ERRORS.items() if type(error) is each)
        return cls(kind=kind, problem=error.problem, detail=str(error))

    def to_error(self) -> RequestError:
        return _ERRORS[self.kind](self.detail, problem=self.problem)


class Result(_Message):
    """The line before the files. Either ``refusal`` is there, or ``check`` and ``width``; ``digest``, ``image`` and
    ``thumbnail``, which are sizes in bytes, only where a portrait was made."""

    refusal: Refusal | None = None
    check: SentCheck | None = None
    crop: SentCrop | None = None
    width: int = 0
    height: int = 0
    digest: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    image: int = 0
    thumbnail: int = 0

    @classmethod
    def of_inspection(cls, inspection: Inspection) -> Self:
        crop = None if inspection.crop is None else SentCrop.of(inspection.crop)
        check = SentCheck.of(inspection.check)
        return cls(check=check, crop=crop, width=inspection.width, height=inspection.height)

    @classmethod
    def of_portrait(cls, portrait: PreparedPortrait) -> Self:
        return cls(
            check=SentCheck.of(portrait.check),
            crop=SentCrop.of(portrait.crop),
            width=portrait.side,
            height=portrait.side,
            digest=portrait.digest,
            image=len(portrait.image),
            thumbnail=len(portrait.thumbnail),
        )
