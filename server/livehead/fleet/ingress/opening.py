"""What an offer asks for, in each of the forms that it has, as far as its place depends on it. Pure."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from livehead.core.ids import replica_of
from livehead.core.limits import MAX_MESSAGE
from livehead.core.messages.json_object import read_object
from livehead.errors import RequestError


def latency_of(query: bytes, body: bytes | None) -> str | None:
    """The preset, or ``auto``, that an offer by HTTP asks for; None where it leaves that to the replica. What cannot be
    read is for the replica to refuse."""
    named = parse_qs(query.decode("latin-1")).get("latency")
    if named:
        return named[-1]
    found = _object(body)
    for part in (found, found.get("requestData"), found.get("request_data"), found.get("body")):
        if isinstance(part, dict) and isinstance(part.get("latency"), str):
            return str(part["latency"])
    return None


def connection_of(body: bytes | None) -> str | None:
    """The replica that an offer or candidates of Pipecat's client belong to, by their ``pc_id``; None for the offer of
    a new session."""
    named = _object(body).get("pc_id")
    return replica_of(named) if isinstance(named, str) else None


def _object(body: bytes | None) -> dict[str, Any]:
    if not body or body.lstrip()[:1] != b"{":
        return {}
    try:
        return read_object(body, MAX_MESSAGE)
    except RequestError:
        return {}
