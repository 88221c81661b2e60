"""Bodies of ``application/trickle-ice-sdpfrag``."""

from __future__ import annotations

from fuzz.mutators import line_mutator
from fuzz.target import Target
from fuzz.targets.messages import check_refusal
from fuzz.targets.offers import CANDIDATES, LINES
from livehead.api.session.sdpfrag import parse
from livehead.core.limits import MAX_SDP
from livehead.errors import RequestError
from livehead.media.peer.candidates import read_candidate


def run(data: bytes) -> None:
    try:
        fragment = parse(data.decode("utf-8", "replace"))
    except RequestError as error:
        check_refusal(error)
        return
    lines: list[str] = [f"a=ice-ufrag:{ufrag}" for ufrag in fragment.ufrags]
    for candidate in fragment.candidates:
        if candidate is None:
            lines.append("a=end-of-candidates")
            continue
        lines += ["m=audio 9 RTP/AVP 0", *([] if candidate.sdpMid is None else [f"a=mid:{candidate.sdpMid}"])]
        lines.append(f"a={candidate.candidate}")
        try:
            read_candidate(candidate.candidate)
        except RequestError as error:
            check_refusal(error)
    assert parse("\r\n".join(lines)) == fragment


TARGET = Target(
    "sdp_fragment",
    run,
    (
        b"a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
        b"a=" + CANDIDATES[0].encode() + b"\r\nm=video 9 RTP/AVP 96\r\na=mid:1\r\na=end-of-candidates\r\n",
    ),
    line_mutator(LINES),
    MAX_SDP,
    (2000, 4.0),
)
