from __future__ import annotations

import pytest

from livehead.api.session.sdpfrag import SdpFragment, parse
from livehead.core.limits import MAX_CANDIDATES, MAX_M_LINES, MAX_SDP_LINES
from livehead.core.messages.from_client import IceCandidate
from livehead.errors import MalformedError, TooLargeError

LINE = "candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host"


def test_candidates_belong_to_their_m_line() -> None:
    """The example of RFC 8840 section 9, shortened, with a second m-line."""
    fragment = parse(
        "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
        f"m=audio 9 RTP/AVP 0\r\na=mid:0\r\na={LINE}\r\n"
        f"m=video 9 RTP/AVP 96\r\na=mid:1\r\na={LINE}\r\na=end-of-candidates\r\n"
    )
    assert fragment == SdpFragment(
        frozenset({"EsAw"}), (IceCandidate(LINE, sdpMid="0"), IceCandidate(LINE, sdpMid="1"), None)
    )


def test_an_m_line_without_a_mid_does_not_take_that_of_the_one_before() -> None:
    fragment = parse(f"m=audio 9 RTP/AVP 0\na=mid:0\nm=video 9 RTP/AVP 96\na={LINE}\n")
    assert fragment.candidates == (IceCandidate(LINE),)


def test_every_m_line_may_name_an_ice_session() -> None:
    fragment = parse("m=audio 9 RTP/AVP 0\na=ice-ufrag:old\nm=video 9 RTP/AVP 96\na=ice-ufrag:new\n")
    assert fragment.ufrags == {"old", "new"}


@pytest.mark.parametrize("text", ["", "\r\n", "hello", "a=mid:0\r\n", "candidate=1", "=x", "m=audio 9 RTP/AVP 0"])
def test_what_is_no_fragment_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="RFC 8840"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "more"),
    [
        (f"a={LINE}\n" * MAX_CANDIDATES + "a=end-of-candidates\n" * MAX_M_LINES, "a=end-of-candidates\n"),
        (f"a={LINE}\n" + "a=x\n" * (MAX_SDP_LINES - 1), "\n"),
        ("".join(f"a=ice-ufrag:{n}\n" for n in range(MAX_M_LINES)), "a=ice-ufrag:x\n"),
    ],
)
def test_more_than_a_client_has_is_refused(text: str, more: str) -> None:
    assert parse(text)
    with pytest.raises(TooLargeError, match="several parts"):
        parse(text + more)
