"""What the server answers to questions about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """``GET /v1/info``. The objects are as docs/protocol.md has them."""

    version: str
    engine: dict[str, Any]
    latency: dict[str, Any]
    sessions: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Avatar:
    """A portrait. ``image`` is the path of its picture on the server; sizes are in pixels."""

    id: str
    name: str
    width: int
    height: int
    image: str


@dataclass(frozen=True, slots=True)
class Token:
    """``expires_in`` is in seconds."""

    token: str
    expires_in: float
