"""ICE candidate lines, as they come one by one."""

from __future__ import annotations

import ipaddress

from aiortc.sdp import candidate_to_sdp

from fuzz.mutators import line_mutator
from fuzz.target import Target
from fuzz.targets.messages import check_refusal
from fuzz.targets.offers import CANDIDATES
from livehead.core.limits import MAX_CANDIDATE
from livehead.errors import RequestError
from livehead.media.peer.addresses import AddressPolicy
from livehead.media.peer.candidates import read_candidate


def run(data: bytes) -> None:
    try:
        candidate = read_candidate(data.decode("utf-8", "replace"))
    except RequestError as error:
        check_refusal(error)
        return
    if candidate is None or not AddressPolicy().allows(candidate.ip, candidate.port):
        return
    assert not ipaddress.ip_address(candidate.ip).is_unspecified
    assert 0 < candidate.port < 65536
    written = candidate_to_sdp(candidate)
    assert "\n" not in written
    assert "\r" not in written
    again = read_candidate(f"candidate:{written}")
    assert again is not None
    assert candidate_to_sdp(again) == written


TARGET = Target(
    "ice_candidate",
    run,
    tuple(line.encode() for line in CANDIDATES),
    line_mutator((), ("udp", "tcp", "typ", "host", "srflx", "raddr", "rport", "127.0.0.1", "::1", "0.0.0.0", "٣")),
    MAX_CANDIDATE,
    (1500, 1.0),
)
