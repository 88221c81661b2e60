"""What an SDP offer may hold, checked in one pass over its lines before a parser reads it.

A parser's time grows faster than its text: aiortc's with the third power of codecs and their feedback. Within these
bounds it takes milliseconds. Each is at least three times what browsers need with every codec that they have.
"""

from __future__ import annotations

from collections import Counter

from livehead.core.limits import MAX_CANDIDATES, MAX_M_LINES, MAX_SDP, MAX_SDP_LINE, MAX_SDP_LINES
from livehead.errors import TooLargeError

MAX_FORMATS = 128
"""Payload types of one m-line; there are no more (RFC 3551)."""

MAX_ITEMS = 32
"""Words in a line of a=group, a=ssrc-group or a=msid-semantic."""

MAX_PARAMETERS = 64
"""Parameters in one line of a=fmtp."""

PER_SECTION = {
    "candidate": MAX_CANDIDATES,
    "extmap": 64,
    "fingerprint": 8,
    "fmtp": 64,
    "group": 8,
    "msid-semantic": 8,
    "rtcp-fb": 256,
    "rtpmap": 64,
    "sctpmap": 8,
    "ssrc": 64,
    "ssrc-group": 16,
}
"""Lines of one attribute in one section: that of the session, or of one m-line."""

MAX_WILDCARDS = 8
"""Lines of ``a=rtcp-fb:*`` in one section: each stands for as many as there are codecs."""


UNPARSABLE = (AssertionError, AttributeError, IndexError, KeyError, StopIteration, TypeError, ValueError)
"""What aiortc's parser raises at text that is no SDP."""


def check_bounds(text: str) -> list[str]:
    """The lines of a session description. Raises :class:`TooLargeError`, which names the bound and what to do.

    Lines end where ``str.splitlines`` ends them, as in the parser.
    """
    if len(text) > MAX_SDP or len(text.encode(errors="replace")) > MAX_SDP:
        raise TooLargeError(f"The offer is larger than {MAX_SDP // 1024} KiB, and no browser's is. Offer fewer codecs.")
    lines = text.splitlines()
    _check("lines", len(lines), MAX_SDP_LINES)
    _check("characters in one line", max(map(len, lines), default=0), MAX_SDP_LINE)
    _check("m-lines", sum(line.startswith("m=") for line in lines), MAX_M_LINES)
    _check("ICE candidates", sum(line.startswith("a=candidate") for line in lines), MAX_CANDIDATES)
    seen: Counter[str] = Counter()
    for line in lines:
        if line.startswith("m="):
            seen.clear()
            _check("payload types in one m-line", len(line.split()) - 3, MAX_FORMATS)
            continue
        if not line.startswith("a="):
            continue
        name, _, value = line[2:].partition(":")
        seen[name] += 1
        if name in PER_SECTION:
            _check(f"lines of a={name} in one section", seen[name], PER_SECTION[name])
        if name in ("group", "ssrc-group", "msid-semantic"):
            _check(f"words in a line of a={name}", len(value.split()), MAX_ITEMS)
        elif name == "fmtp":
            _check("parameters in a line of a=fmtp", value.count(";"), MAX_PARAMETERS)
        elif name == "rtcp-fb" and value.startswith("*"):
            seen["*"] += 1
            _check("lines of a=rtcp-fb:* in one section", seen["*"], MAX_WILDCARDS)
    return lines


def _check(what: str, count: int, bound: int) -> None:
    if count > bound:
        raise TooLargeError(
            f"The offer has too many {what}: {count}, and {bound} are taken. Leave out what is not used."
        )
