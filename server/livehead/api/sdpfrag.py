"""``application/trickle-ice-sdpfrag`` (RFC 8840): the candidates of an ICE session, as WHIP sends them."""

from __future__ import annotations

from dataclasses import dataclass

from livehead.errors import MalformedError


@dataclass(frozen=True, slots=True)
class Candidate:
    """``line`` is the candidate's text without ``a=``; None says that there are no more."""

    line: str | None
    mid: str | None


@dataclass(frozen=True, slots=True)
class Fragment:
    """``ufrag`` names the ICE session it belongs to; another one than the offer's asks for an ICE restart."""

    ufrag: str | None
    candidates: tuple[Candidate, ...]


def parse(text: str) -> Fragment:
    """Read a fragment. Raises MalformedError for lines that are no SDP, or nothing of use."""
    ufrag: str | None = None
    mid: str | None = None
    candidates: list[Candidate] = []
    for line in filter(None, (raw.strip() for raw in text.splitlines())):
        kind, equals, value = line.partition("=")
        if not equals or len(kind) != 1:
            raise MalformedError(f"This is no SDP fragment: {line[:60]!r}. See RFC 8840 for the form.")
        if kind == "m":
            mid = None
        name, _, rest = value.partition(":")
        if kind != "a":
            continue
        if name == "ice-ufrag":
            ufrag = rest
        elif name == "mid":
            mid = rest
        elif name == "candidate":
            candidates.append(Candidate(value, mid))
        elif name == "end-of-candidates":
            candidates.append(Candidate(None, mid))
    if ufrag is None and not candidates:
        raise MalformedError("The fragment has neither candidates nor an ice-ufrag. See RFC 8840 for the form.")
    return Fragment(ufrag, tuple(candidates))
