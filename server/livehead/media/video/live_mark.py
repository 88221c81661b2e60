"""The mark of a live picture in H264: a message that programs find in the stream itself, at every keyframe.

It is supplemental enhancement information, user data unregistered (ITU-T H.264, sections 7.3.2.3 and D.1.7): sixteen
bytes that name the kind of message, then its text. Decoders pass it over. VP8 (RFC 6386) has no place for such a
message.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping

KIND = uuid.UUID("9a1f5d02-6c0e-4a55-8b0e-3f6f1d7c2e61")
"""Of our messages: what follows it is JSON, in UTF-8."""

_SEI, _UNREGISTERED = 6, 5
_PARAMETERS = (7, 8, 9)
"""Types of NAL units that come before it: parameter sets, and the delimiter of access units."""

_START = bytes((0, 0, 1))


def live_mark(tags: Mapping[str, str]) -> bytes:
    """The NAL unit, in Annex B form with its start code, that says what
    :func:`~livehead.media.video.provenance.synthetic_tags` do, but for the portrait: that may change in a call."""
    told = {
        "synthetic": True,
        "digital_source_type": tags["digital_source_type"],
        "generator": tags["generator"],
        "comment": tags["comment"],
    }
    payload = KIND.bytes + json.dumps(told, ensure_ascii=False).encode()
    size = bytes([255] * (len(payload) // 255) + [len(payload) % 255])
    message = bytes((_UNREGISTERED,)) + size + payload + b"\x80"  # the last is the stop bit of section 7.3.2.11
    return b"\x00" + _START + bytes((_SEI,)) + _escaped(message)


def marked(keyframe: bytes, mark: bytes) -> bytes:
    """A keyframe in Annex B form, with ``mark`` behind its parameter sets."""
    at = keyframe.find(_START)
    while at >= 0 and at + 3 < len(keyframe) and keyframe[at + 3] & 31 in _PARAMETERS:
        at = keyframe.find(_START, at + 3)
    if at < 0:
        return keyframe
    at -= at > 0 and keyframe[at - 1] == 0  # a start code of four bytes
    return keyframe[:at] + mark + keyframe[at:]


def _escaped(message: bytes) -> bytes:
    """With bytes that keep start codes from appearing in it (section 7.4.1)."""
    out, zeros = bytearray(), 0
    for byte in message:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)
