"""SDP offers: what is accepted is accepted again as it was cleaned."""

from __future__ import annotations

import contextlib

from fuzz.target import Target
from fuzz.targets.messages import check_refusal
from fuzz.targets.offers import OFFERS, mutate_offer
from livehead.core.limits import MAX_CANDIDATES, MAX_M_LINES, MAX_SDP
from livehead.errors import RequestError, TooLargeError
from livehead.media.peer.offer import CheckedOffer, read_offer
from livehead.media.peer.sdp_bounds import MOST_LINES


def run(data: bytes) -> None:
    receive_audio = len(data) % 2 == 0
    try:
        offer = read_offer(data.decode("utf-8", "replace"), receive_audio=receive_audio)
    except RequestError as error:
        check_refusal(error)
        return
    check_offer(offer, receive_audio=receive_audio)


def check_offer(offer: CheckedOffer, *, receive_audio: bool) -> None:
    """What was cleaned is clean, and bounded. What stood once for the session or for all codecs is written out for each
    of them, and may then be more of it than an offer may have."""
    assert offer.text.count("a=fingerprint:") <= MAX_M_LINES * MOST_LINES["fingerprint"]
    with contextlib.suppress(TooLargeError):
        again = read_offer(offer.text, receive_audio=receive_audio)
        assert again.fragments == offer.fragments
        assert again.data == offer.data
    kinds = [line.split()[0] for line in offer.text.splitlines() if line.startswith("m=")]
    assert sorted(kinds) in (["m=audio", "m=video"], ["m=application", "m=audio", "m=video"])
    assert sum(line.startswith("a=candidate:") for line in offer.text.splitlines()) <= len(kinds) * MAX_CANDIDATES


TARGET = Target("sdp_offer", run, OFFERS, mutate_offer, MAX_SDP + 64, (20_000, 20.0))
