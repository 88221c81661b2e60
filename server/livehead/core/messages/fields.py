"""What the fields of messages may hold: pydantic checks it, and errors name the field and what it must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import CoreSchema, core_schema

from livehead.core.limits import MAX_CANDIDATE, MAX_NAME, MAX_SDP, MAX_SEED, MAX_TOKEN
from livehead.core.look import Look, read_look
from livehead.core.record_mode import RecordMode
from livehead.errors import MalformedError, TooLargeError


@dataclass(frozen=True, slots=True)
class MustBe:
    """Put around a field's type: whatever pydantic finds wrong with it is told in these words."""

    wanted: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_wrap_validator_function(self._check, handler(source))

    def _check(self, value: object, validate: Callable[[object], object], info: ValidationInfo) -> object:
        try:
            return validate(value)
        except ValidationError:
            raise MalformedError(f'"{info.field_name}" must be {self.wanted}') from None


def utf8(text: str, name: str | None) -> bytes:
    """Raises MalformedError, with the field's name, where there are lone surrogates in ``text``."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise MalformedError(f'"{name}" holds characters that are not Unicode text') from None


def _at_most(limit: int) -> AfterValidator:
    """Bounds a string by its bytes in UTF-8."""

    def check(text: str, info: ValidationInfo) -> str:
        if len(text) > limit or len(utf8(text, info.field_name)) > limit:
            raise TooLargeError(f'"{info.field_name}" is longer than {limit} bytes')
        return text

    return AfterValidator(check)


def _check_not_empty(text: str) -> str:
    if not text:
        raise ValueError("empty")
    return text


def _check_sdp(sdp: str) -> str:
    """``sdp`` itself. Raises :class:`TooLargeError` past :data:`~livehead.core.limits.MAX_SDP` and
    :class:`MalformedError` for what cannot be a description at all."""
    if len(sdp) > MAX_SDP or len(utf8(sdp, "sdp")) > MAX_SDP:
        raise TooLargeError(f"the session description is larger than {MAX_SDP // 1024} KiB")
    if not sdp.startswith("v=0"):
        raise MalformedError("the session description does not start with v=0: send an SDP offer")
    return sdp


Voice: TypeAlias = Literal["on", "off"]

_NOT_EMPTY = AfterValidator(_check_not_empty)

Sdp: TypeAlias = Annotated[StrictStr, _NOT_EMPTY, AfterValidator(_check_sdp), MustBe("an SDP offer, a string")]
Name: TypeAlias = Annotated[StrictStr, _at_most(MAX_NAME), MustBe("a string")]
Choice: TypeAlias = Annotated[StrictStr, _at_most(MAX_NAME), _NOT_EMPTY, MustBe("a string that is not empty")]
Token: TypeAlias = Annotated[StrictStr, _at_most(MAX_TOKEN), MustBe("a string")]
CandidateLine: TypeAlias = Annotated[StrictStr, _at_most(MAX_CANDIDATE), MustBe("a string")]
Seed: TypeAlias = Annotated[StrictInt, Field(ge=0, le=MAX_SEED), MustBe(f"a whole number from 0 to {MAX_SEED}")]
PingId: TypeAlias = Seed
LineIndex: TypeAlias = Annotated[StrictInt, Field(ge=0, le=65535), MustBe("a whole number from 0 to 65535")]
RtpTimestamp: TypeAlias = Annotated[StrictInt, Field(ge=0, lt=1 << 32), MustBe("a whole number of 32 bits")]
BlockIndex: TypeAlias = Annotated[
    StrictInt, Field(gt=-(1 << 53), lt=1 << 53), MustBe("a whole number that a double holds exactly")
]
Flag: TypeAlias = Annotated[
    StrictBool, BeforeValidator(lambda given: False if given is None else given), MustBe("true or false")
]


def _read_record(given: object) -> object:
    """``record`` as the query writes it, 0, 1 or replay, or as JSON has it: false, true or "replay"."""
    words: dict[object, RecordMode] = {"0": "off", "1": "film", "replay": "replay"}
    if isinstance(given, bool) or given in (0, 1):
        return "film" if given else "off"
    return words.get(given, given) if isinstance(given, str) else given


Record: TypeAlias = Annotated[RecordMode, BeforeValidator(_read_record), MustBe('0, 1 or "replay"')]
LookObject: TypeAlias = Annotated[
    Look,
    BeforeValidator(lambda given: read_look(given) if isinstance(given, Mapping) else given),
    MustBe('an object, {"background": …}'),
]
