"""``application/trickle-ice-sdpfrag`` (RFC 8840): the candidates of an ICE session, as WHIP sends them."""

from __future__ import annotations

from dataclasses import dataclass

from livehead.core.limits import MAX_CANDIDATES, MAX_M_LINES, MAX_SDP_LINES
from livehead.core.messages.from_client import IceCandidate
from livehead.errors import MalformedError, TooLargeError


@dataclass(frozen=True, slots=True)
class SdpFragment:
    """``ufrags`` name the ICE session that it belongs to; one that the offer does not have asks for an ICE restart.
    Among ``candidates`` None says that there are no more."""

    ufrags: frozenset[str]
    candidates: tuple[IceCandidate | None, ...]


def parse(text: str) -> SdpFragment:
    """Raises MalformedError for lines that are no SDP, and for a fragment with nothing of use; TooLargeError for more
    than one client may send."""
    lines = text.splitlines()
    _check("lines", len(lines), MAX_SDP_LINES)
    ufrags: set[str] = set()
    mid: str | None = None
    candidates: list[IceCandidate | None] = []
    for line in filter(None, (raw.strip() for raw in lines)):
        kind, equals, value = line.partition("=")
        if not equals or len(kind) != 1:
            raise MalformedError(f"This is no SDP fragment: {line[:60]!r}. See RFC 8840 for the form.")
        if kind == "m":
            mid = None
        if kind != "a":
            continue
        name, _, rest = value.partition(":")
        if name == "ice-ufrag":
            ufrags.add(rest)
        elif name == "mid":
            mid = rest
        elif name == "candidate":
            candidates.append(IceCandidate(value, sdpMid=mid))
        elif name == "end-of-candidates":
            candidates.append(None)
        _check("ICE candidates", len(candidates), MAX_CANDIDATES + MAX_M_LINES)  # each m-line's may have an end
        _check("ICE sessions", len(ufrags), MAX_M_LINES)
    if not ufrags and not candidates:
        raise MalformedError("The fragment has neither candidates nor an ice-ufrag. See RFC 8840 for the form.")
    return SdpFragment(frozenset(ufrags), tuple(candidates))


def _check(what: str, count: int, bound: int) -> None:
    if count > bound:
        raise TooLargeError(
            f"The fragment has too many {what}: {bound} are taken. Send the candidates in several parts."
        )
