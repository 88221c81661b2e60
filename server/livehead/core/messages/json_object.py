"""JSON objects from clients: bounded in size and depth, and finite (RFC 8259)."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from livehead.core.limits import MAX_JSON_DEPTH
from livehead.core.messages.fields import utf8
from livehead.errors import MalformedError, TooLargeError

_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)


def read_object(text: str | bytes, limit: int) -> dict[str, Any]:
    """The object that ``text`` of at most ``limit`` bytes is.

    Raises :class:`TooLargeError`, and :class:`MalformedError` with the problem ``malformed-json`` where it is no
    JSON or nested too deeply, and ``malformed`` where it is JSON and no object.
    """
    if len(text) > limit or (isinstance(text, str) and len(utf8(text, "message")) > limit):
        raise TooLargeError(f"the message is larger than {limit // 1024} KiB")
    try:
        decoded = text if isinstance(text, str) else text.decode()
        if _depth(decoded) > MAX_JSON_DEPTH:
            raise MalformedError(f"the JSON is nested more than {MAX_JSON_DEPTH} deep", problem="malformed-json")
        body = json.loads(decoded, parse_constant=_not_finite, parse_float=_finite)
    except ValueError as error:
        raise MalformedError(f"this is not JSON: {error}", problem="malformed-json") from None
    if not isinstance(body, dict):
        raise MalformedError("this is JSON, but no object")
    return body


def _depth(text: str) -> int:
    """How deeply arrays and objects are nested."""
    depth = deepest = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        token = found[0]
        if token in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token in "]}":
            depth -= 1
    return deepest


def _not_finite(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number
