"""The server's text messages, read with suspicion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from pydantic import TypeAdapter, ValidationError

from livehead.client.errors import ProblemError, ProtocolError, problem_error
from livehead.core.messages.from_server import AvatarActivity, Playback, StateMessage, UserActivity
from livehead.core.messages.json_object import read_object
from livehead.errors import RequestError

MAX_TEXT = 1 << 16
"""Bytes of a message."""

Received: TypeAlias = Playback | UserActivity | AvatarActivity | StateMessage | ProblemError

_KINDS: Mapping[str, TypeAdapter[Any]] = {
    kind.type: TypeAdapter(kind) for kind in (Playback, UserActivity, AvatarActivity, StateMessage)
}


def decode(text: str) -> Received | None:
    """A message; an ``error`` as the exception that it stands for; None for a type that is not known here. Raises
    ProtocolError for what no Livehead server sends."""
    try:
        body = read_object(text, MAX_TEXT)
    except RequestError as error:
        raise ProtocolError(f"The server sent what is no message: {error}: {text[:80]!r}") from None
    if not isinstance(body.get("type"), str):
        raise ProtocolError(f"The server sent a message without a type: {text[:80]!r}")
    if body["type"] == "error":
        return problem_error(body.get("error"))
    kind = _KINDS.get(body["type"])
    if kind is None:
        return None
    try:
        message: Received = kind.validate_json(text, strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in found["loc"])
        raise ProtocolError(
            f'The server sent a "{body["type"]}" message with a wrong {place}: {found["msg"]}'
        ) from None
    return message
