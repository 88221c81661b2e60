"""Video m-lines of which nothing is wanted and no codec is spoken: a publisher's camera, for example.

aiortc cannot reject an m-line. It is given one with a codec that it knows, and the answer is corrected.
"""

from __future__ import annotations

import re

from aiortc import sdp
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

_STAND_IN = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90_000, payloadType=96)


def stand_in(m: sdp.MediaDescription) -> str:
    """Give an m-line a codec that aiortc can answer; the first of its own formats is returned."""
    offered = str(m.fmt[0]) if m.fmt else "96"
    m.rtp.codecs = [_STAND_IN]
    m.fmt = [_STAND_IN.payloadType]
    return offered


def reject(answer: str, formats: dict[str, str]) -> str:
    """Reject the m-lines of these mids, with their formats: port 0, and out of the bundle (RFC 3264 section 6, RFC 9143
    section 7.3.3)."""
    head, *sections = re.split(r"(?m)^(?=m=)", answer)
    for mid in formats:
        head = re.sub(rf"(?m)^(a=group:BUNDLE\b.*?) {re.escape(mid)}(?=[ \r\n])", r"\1", head)
    for n, section in enumerate(sections):
        found = re.search(r"(?m)^a=mid:(\S+)", section)
        mid = found[1] if found else ""
        if mid in formats:
            kind, _, profile = section.split()[:3]
            lines = (f"{kind} 0 {profile} {formats[mid]}", "c=IN IP4 0.0.0.0", "a=inactive", f"a=mid:{mid}")
            sections[n] = "".join(f"{line}\r\n" for line in lines)
    return head + "".join(sections)
