"""Why no media came, as far as a client can know."""

from __future__ import annotations

import time
from collections.abc import Sequence

from aiortc import RTCIceServer

RELAYED = " typ relay"
"""In the candidate that a TURN relay gave (RFC 8839 section 5.1)."""

BLOCKED = "Is UDP to the server let through?"


def why_blocked(servers: Sequence[RTCIceServer], offer: str, now: float | None = None) -> str:
    """In words. ``offer`` is the SDP with all candidates, ``now`` Unix time in seconds."""
    relays = [each for each in servers if any(url.startswith(("turn:", "turns:")) for url in _urls(each))]
    if not relays:
        return f"{BLOCKED} It names no TURN relay (LIVEHEAD_TURN_URLS) that could help."
    if RELAYED in offer:
        return f"{BLOCKED} Its TURN relay works, but nothing came through it: may it reach the server?"
    if any(_expired(each.username, time.time() if now is None else now) for each in relays):
        return f"{BLOCKED} The credentials for its TURN relay have expired: is a clock wrong, here or there?"
    return (
        f"{BLOCKED} Its TURN relay gave no address: it does not answer (LIVEHEAD_TURN_URLS), or it rejects the "
        "credentials (LIVEHEAD_TURN_SECRET)."
    )


def _urls(server: RTCIceServer) -> list[str]:
    return [server.urls] if isinstance(server.urls, str) else list(server.urls)


def _expired(username: str | None, now: float) -> bool:
    """The user name of a credential that ends begins with the time when it does (draft-uberti-behave-turn-rest-00)."""
    end = (username or "").partition(":")[0]
    return end.isdecimal() and int(end) < now
