"""Which replica a request is for, as far as its address says. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from livehead.core.ids import replica_of


class Way(Enum):
    """``OWN``: the ingress answers. ``REPLICA``: one has what it is about. ``PLACE``: a session is opened, where there
    is room. ``PIPECAT``: the body says which of the two. ``ANY``: all replicas would answer the same."""

    OWN = auto()
    REPLICA = auto()
    PLACE = auto()
    PIPECAT = auto()
    ANY = auto()


@dataclass(frozen=True, slots=True)
class Destination:
    """``replica`` is the name of the one that has it; None where the name in the address has none before it."""

    way: Way
    replica: str | None = None


OWN = frozenset({"/healthz", "/readyz", "/metrics", "/v1/info"})
OPENINGS = frozenset({"/v1/sessions", "/start"})
_OF_SESSION = re.compile(r"/(?:v1/sessions|whep)/(?P<session>[^/]+)(?:/.*)?", re.DOTALL)
_OF_START = re.compile(r"/sessions/(?P<session>[^/]+)/api/offer")
_WHIP = re.compile(r"/whip/[^/]+")


def find_way(method: str, path: str) -> Destination:
    """``path`` is without percent-encoding. ``method`` is that of HTTP; a WebSocket's is GET."""
    if path in OWN and method in ("GET", "HEAD"):
        return Destination(Way.OWN)
    for pattern in (_OF_SESSION, _OF_START):
        if found := pattern.fullmatch(path):
            return Destination(Way.REPLICA, replica_of(found["session"]))
    if path == "/api/offer" and method in ("POST", "PATCH"):
        return Destination(Way.PIPECAT)
    if method == "POST" and (path in OPENINGS or _WHIP.fullmatch(path)):
        return Destination(Way.PLACE)
    return Destination(Way.ANY)
