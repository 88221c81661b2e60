"""What an SDP offer may hold, checked in one pass over its lines before a parser reads it.

A parser's time grows faster than its text: aiortc's with the third power of codecs and their feedback. Within these
bounds it takes milliseconds. Each is at least three times what browsers need with every codec that they have.
"""

from __future__ import annotations

from collections import Counter

from livehead.core.limits import MAX_CANDIDATES, MAX_M_LINES, MAX_SDP, MAX_SDP_LINE, MAX_SDP_LINES
from livehead.errors import TooLargeError, UnprocessableError

MAX_FORMATS = 128
"""Payload types of one m-line; there are no more (RFC 3551)."""

MAX_ITEMS = 32
"""Words in a line of a=group, a=ssrc-group or a=msid-semantic."""

MAX_PARAMETERS = 64
"""Parameters in one line of a=fmtp."""

MOST_LINES = {
    "candidate": MAX_CANDIDATES,
    "extmap": 96,
    "fingerprint": 16,
    "fmtp": 96,
    "group": 8,
    "msid-semantic": 8,
    "rtcp-fb": 256,
    "rtpmap": 96,
    "sctpmap": 8,
    "ssrc": 96,
    "ssrc-group": 32,
}
"""Lines of one attribute in an offer."""

MAX_FEEDBACK = 16
"""Lines of a=rtcp-fb in one section for one payload type, or for all (``*``)."""

UNPARSABLE = (AssertionError, AttributeError, IndexError, KeyError, StopIteration, TypeError, ValueError)
"""What aiortc's parser raises at text that is no SDP."""


def check_bounds(text: str) -> list[str]:
    """The lines of a session description. Raises :class:`TooLargeError`, and :class:`UnprocessableError` for too many
    m-lines, which name the bound and what to do.

    Lines end where ``str.splitlines`` ends them, as in the parser.
    """
    if len(text) > MAX_SDP or len(text.encode(errors="replace")) > MAX_SDP:
        raise TooLargeError(f"The offer is larger than {MAX_SDP // 1024} KiB, and no browser's is. Offer fewer codecs.")
    lines = text.splitlines()
    _check("lines", len(lines), MAX_SDP_LINES)
    _check("characters in one line", max(map(len, lines), default=0), MAX_SDP_LINE)
    kinds = [line[2:].partition(" ")[0] for line in lines if line.startswith("m=")]
    if len(kinds) > MAX_M_LINES:
        counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in ("audio", "video", "application"))
        raise UnprocessableError(f"The offer has {len(kinds)} m-lines ({counts}). Offer one of each kind at most.")
    seen: Counter[str] = Counter()
    feedback: Counter[str] = Counter()
    for line in lines:
        if line.startswith("m="):
            feedback.clear()
            _check("payload types in one m-line", len(line.split()) - 3, MAX_FORMATS)
        if not line.startswith("a="):
            continue
        name, _, value = line[2:].partition(":")
        if name in MOST_LINES:
            seen[name] += 1
            _check(f"lines of a={name}", seen[name], MOST_LINES[name])
        if name in ("group", "ssrc-group", "msid-semantic"):
            _check(f"words in a line of a={name}", len(value.split()), MAX_ITEMS)
        elif name == "fmtp":
            _check("parameters in a line of a=fmtp", value.count(";"), MAX_PARAMETERS)
        elif name == "rtcp-fb":
            payload_type = value.partition(" ")[0]
            feedback[payload_type] += 1
            _check("lines of a=rtcp-fb for one payload type", feedback[payload_type], MAX_FEEDBACK)
    return lines


def _check(what: str, count: int, bound: int) -> None:
    if count > bound:
        raise TooLargeError(
            f"The offer has too many {what}: {count}, and {bound} are taken. Leave out what is not used."
        )
