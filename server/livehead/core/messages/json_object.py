"""JSON objects from clients: bounded in size and depth, and finite (RFC 8259)."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from livehead.core.limits import MAX_JSON_BRACKETS, MAX_JSON_DEPTH
from livehead.core.messages.fields import utf8
from livehead.errors import MalformedError, TooLargeError

_STRING_OR_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
"""Without a way back, which would take megabytes for a long string."""


def read_object(text: str | bytes, limit: int) -> dict[str, Any]:
    """The object that ``text`` of at most ``limit`` bytes is.

    Raises :class:`TooLargeError`, and :class:`MalformedError` with the problem ``malformed-json`` where it is no
    JSON or nested too deeply, and ``malformed`` where it is JSON and no object.
    """
    if len(text) > limit or (isinstance(text, str) and len(utf8(text, "message")) > limit):
        raise TooLargeError(f"the message is larger than {limit // 1024} KiB")
    try:
        decoded = text if isinstance(text, str) else text.decode()
        if _is_deep(decoded):
            raise MalformedError(
                f"the JSON is nested more than {MAX_JSON_DEPTH} deep, or has more than {MAX_JSON_BRACKETS} arrays and "
                "objects",
                problem="malformed-json",
            )
        body = json.loads(decoded, parse_constant=_not_finite, parse_float=_finite)
    except ValueError as error:
        raise MalformedError(f"this is not JSON: {error}", problem="malformed-json") from None
    if not isinstance(body, dict):
        raise MalformedError("this is JSON, but no object")
    return body


def _is_deep(text: str) -> bool:
    """Whether arrays and objects are nested more than :data:`MAX_JSON_DEPTH` deep, or more than
    :data:`MAX_JSON_BRACKETS` in all, as nothing that is wanted here has."""
    if text.count("[") + text.count("{") <= MAX_JSON_DEPTH:
        return False
    depth = brackets = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        token = found[0]
        if token in "[{":
            depth += 1
            brackets += 1
            if depth > MAX_JSON_DEPTH or brackets > MAX_JSON_BRACKETS:
                return True
        elif token in "]}":
            depth -= 1
    return False


def _not_finite(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number
