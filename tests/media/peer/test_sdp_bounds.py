"""What an offer may hold is found before any parser reads it, and what browsers offer is far within."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from aiortc import sdp
from hypothesis import given
from hypothesis import strategies as st

from livehead.core.limits import MAX_CANDIDATES, MAX_M_LINES, MAX_SDP, MAX_SDP_LINE, MAX_SDP_LINES
from livehead.errors import RequestError, TooLargeError, UnprocessableError
from livehead.media.peer.offer import read_offer
from livehead.media.peer.sdp_bounds import MAX_FEEDBACK, MAX_FORMATS, MAX_ITEMS, MOST_LINES, check_bounds

OFFERS = Path(__file__).parent / "offers"
HEAD = "v=0\r\n"
AUDIO = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
CANDIDATE = "a=candidate:1 1 udp 2130706431 192.168.1.2 50000 typ host\r\n"


def codecs(count: int) -> str:
    return "".join(f"a=rtpmap:{n} x/90000\r\n" for n in range(count))


ATTACKS: dict[str, Callable[[], str]] = {
    "feedback for every codec": lambda: HEAD + AUDIO + codecs(200) + "a=rtcp-fb:* nack\r\n" * 200,
    "a longer one": lambda: HEAD + AUDIO + codecs(600) + "a=rtcp-fb:* nack\r\n" * 600,
    "sources": lambda: HEAD + AUDIO + "".join(f"a=ssrc:{n} cname:\r\n" for n in range(1500)),
    "parameters": lambda: HEAD + AUDIO + codecs(500) + "".join(f"a=fmtp:{n} a=1\r\n" for n in range(500)),
    "one line of parameters": lambda: HEAD + AUDIO + codecs(1) + "a=fmtp:0 " + "a;" * 12_000,
    "extensions": lambda: HEAD + AUDIO + "".join(f"a=extmap:{n} u\r\n" for n in range(1500)),
    "m-lines": lambda: HEAD + AUDIO * 900,
    "nothing": lambda: HEAD + "a=x\r\n" * 6000,
    "candidates": lambda: HEAD + AUDIO + CANDIDATE * 400,
    "groups": lambda: HEAD + ("a=group:BUNDLE " + "0 " * 400 + "\r\n") * 30,
    "groups of sources": lambda: HEAD + AUDIO + ("a=ssrc-group:FID " + "1 " * 400 + "\r\n") * 30,
    "payload types": lambda: HEAD + "m=audio 9 UDP/TLS/RTP/SAVPF" + " 96" * 8000 + "\r\n",
    "size": lambda: HEAD + "s=" + "-" * 300_000,
    "size in UTF-8": lambda: HEAD + "s=" + "€" * 11_000,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_too_much_is_refused_before_it_is_parsed(attack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(text: str) -> None:
        raise AssertionError(f"{len(text)} characters were parsed")

    monkeypatch.setattr(sdp.SessionDescription, "parse", parse)
    with pytest.raises(UnprocessableError if attack == "m-lines" else TooLargeError) as caught:
        read_offer(ATTACKS[attack]())
    assert str(caught.value).endswith(
        ("Leave out what is not used.", "Offer fewer codecs.", "Offer one of each kind at most.")
    )
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "more"),
    [
        (HEAD + AUDIO * MAX_M_LINES, AUDIO),
        (HEAD + "b=AS:1\r\n" * (MAX_SDP_LINES - 1), "b=AS:1\r\n"),
        (HEAD + "s=" + "x" * (MAX_SDP_LINE - 2), "x"),
        (HEAD + (("s=" + "x" * (MAX_SDP_LINE - 4) + "\r\n") * 32)[: MAX_SDP - len(HEAD)], "x"),
        (HEAD + AUDIO + CANDIDATE * 25 + AUDIO + CANDIDATE * (MAX_CANDIDATES - 25), CANDIDATE),
        (HEAD + "m=audio 9 X" + " 1" * MAX_FORMATS, " 1"),
        (HEAD + "a=group:" + " 1" * MAX_ITEMS, " 1"),
        (HEAD + (AUDIO + "a=rtcp-fb:* x\r\n" * MAX_FEEDBACK) * 2, "a=rtcp-fb:* x\r\n"),
        (HEAD + AUDIO + "".join(f"a=rtcp-fb:{n} x\r\n" for n in range(MOST_LINES["rtcp-fb"])), "a=rtcp-fb:999 x\r\n"),
        *(
            (HEAD + f"a={name}:1 x\r\n" * bound, f"a={name}:1 x\r\n")
            for name, bound in MOST_LINES.items()
            if name != "rtcp-fb"
        ),
    ],
)
def test_each_bound_is_where_it_is_said_to_be(text: str, more: str) -> None:
    check_bounds(text)
    with pytest.raises((TooLargeError, UnprocessableError)):
        check_bounds(text + more)


@pytest.mark.parametrize("browser", ["chromium", "firefox", "safari"])
def test_browsers_offer_a_third_of_it_at_most(browser: str) -> None:
    """And there is room for the candidates of twenty network interfaces."""
    text = (OFFERS / f"{browser}.sdp").read_bytes().decode()
    check_bounds(text.replace("a=rtcp-mux\r\n", "a=rtcp-mux\r\n" + CANDIDATE * 20, 2))
    assert 3 * len(text) < MAX_SDP
    assert 3 * len(text.splitlines()) < MAX_SDP_LINES
    assert 3 * max(map(len, text.splitlines())) < MAX_SDP_LINE
    for name, bound in MOST_LINES.items():
        times = 2 if name in ("rtpmap", "fmtp") else 3  # of these there are no more than payload types
        assert times * text.count(f"\na={name}:") <= bound, name


@given(st.text(), st.text(alphabet="amv=:* \r\n\u2028\x0b09rtpmapfbcandidatessrc-group;/", max_size=300))
def test_any_text_is_refused_or_read(head: str, tail: str) -> None:
    """The scan and the parser agree on where lines end: nothing raises but for what is told to the client."""
    for text in (head + tail, HEAD + tail, HEAD + AUDIO + tail):
        with contextlib.suppress(RequestError):
            assert read_offer(text).text


def test_the_scan_is_linear() -> None:
    """Counted in calls, of Python's and C's functions: twice the lines cost twice the calls."""
    line = "a=rtpmap:1 x/90000\r\n"

    def cost(text: str) -> int:
        calls = 0

        def count(frame: object, event: str, argument: object) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        sys.setprofile(count)
        try:
            check_bounds(text)
        finally:
            sys.setprofile(None)
        return calls

    small = cost(HEAD + line * 40 + "b=AS:1\r\n" * 200)
    large = cost(HEAD + line * 80 + "b=AS:1\r\n" * 400)
    assert large < 2.1 * small
