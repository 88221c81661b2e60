"""What the three decoders of messages have in common."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

from livehead.core.limits import MAX_MESSAGE
from livehead.core.messages.from_server import ErrorMessage, encode, problem_object
from livehead.errors import RequestError

MAX_DETAIL = 2048
"""Characters of an error's detail. A longer one would give a client back what it sent, many times over."""

KEYS = (
    *("type", "sdp", "avatar", "latency", "voice", "source", "probe", "seed", "token", "candidate", "id", "preset"),
    *("sdpMid", "sdpMLineIndex", "usernameFragment", "unknown"),
)
TYPES = ("offer", "candidate", "avatar", "latency", "interrupt", "bye", "end", "ping")


def check_decoder(decode: Callable[[str | bytes], object], data: bytes) -> None:
    """Text and bytes are read alike; what was read can be written and read again; a refusal can be told."""
    from_bytes = _result(decode, data)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        assert isinstance(from_bytes, RequestError), "bytes that are no text were read"
        return
    from_text = _result(decode, text)
    if isinstance(from_bytes, RequestError):
        assert isinstance(from_text, RequestError), "the same text was read as str and not as bytes"
        assert str(from_text) == str(from_bytes)
        return
    assert from_text == from_bytes
    assert len(data) <= MAX_MESSAGE
    again = json.dumps({"type": type(from_text).type, **_fields(from_text)})  # type: ignore[attr-defined]
    assert decode(again) == from_text


def check_refusal(error: RequestError) -> None:
    """A refusal is an object of RFC 9457 that can be sent, and does not give back what it refuses."""
    written = encode(ErrorMessage(problem_object(error)))
    assert json.loads(written.encode())["error"]["status"] == error.status
    assert 400 <= error.status < 500
    assert len(str(error)) <= MAX_DETAIL, "a long answer"


def _result(decode: Callable[[str | bytes], object], data: str | bytes) -> object:
    try:
        return decode(data)
    except RequestError as error:
        check_refusal(error)
        return error


def _fields(value: Any) -> dict[str, Any]:
    return {
        each.name: _fields(inner) if is_dataclass(inner := getattr(value, each.name)) else inner
        for each in fields(value)
    }
