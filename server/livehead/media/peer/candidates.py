"""A client's ICE candidates (RFC 8839 section 5.1): which of them are of use."""

from __future__ import annotations

from collections.abc import Iterable

from aiortc import sdp
from aiortc.rtcicetransport import RTCIceCandidate

from livehead.core.limits import MAX_REMOTE_CANDIDATES, MAX_SDP_LINE
from livehead.errors import MalformedError
from livehead.media.peer.addresses import classify
from livehead.media.peer.sdp_bounds import UNPARSABLE


def read_candidate(line: str) -> RTCIceCandidate | None:
    """An ICE candidate from its ``candidate:…`` line, with or without ``a=``; ``None`` for one that is of no use
    here (TCP, a host name, mDNS). Raises :class:`MalformedError` for anything else."""
    line = line.strip().removeprefix("a=").removeprefix("candidate:")
    if len(line) > MAX_SDP_LINE:
        raise MalformedError("This ICE candidate is too long.")
    try:
        candidate = sdp.candidate_from_sdp(line)
    except UNPARSABLE as error:
        raise MalformedError("This is no ICE candidate. Send the candidate string as the browser gives it.") from error
    return candidate if usable(candidate) else None


def usable(candidate: RTCIceCandidate) -> bool:
    """Whether the server can send checks to it: UDP and an address. A browser hides its address behind an mDNS
    name, which is never resolved: the checks that it sends itself reveal the address soon enough (RFC 8445,
    peer-reflexive candidates). Its related address is of no use to anybody and is forgotten."""
    candidate.relatedAddress = candidate.relatedPort = None
    try:
        classify(candidate.ip)
    except ValueError:
        return False
    return (
        candidate.protocol.lower() == "udp"
        and candidate.component == 1
        and 0 < candidate.port < 65536
        and 0 < candidate.priority < 2**31
        and candidate.type in ("host", "srflx", "relay")
    )


def best(candidates: Iterable[RTCIceCandidate]) -> list[RTCIceCandidate]:
    """Those of the highest priority (RFC 8445 section 5.1.2), one for each address and port."""
    chosen: dict[tuple[str, int], RTCIceCandidate] = {}
    for candidate in sorted(candidates, key=lambda c: -c.priority):
        chosen.setdefault((candidate.ip, candidate.port), candidate)
    return list(chosen.values())[:MAX_REMOTE_CANDIDATES]
