"""SDP offers: what is accepted is accepted again as it was cleaned."""

from __future__ import annotations

import contextlib

from fuzz.target import Target
from fuzz.targets.messages import check_refusal
from fuzz.targets.offers import OFFERS, mutate_offer
from livehead.core.limits import MAX_CANDIDATES, MAX_M_LINES, MAX_SDP
from livehead.errors import RequestError, TooLargeError
from livehead.media.peer.offer import CheckedOffer, Need, read_offer
from livehead.media.peer.sdp_bounds import MOST_LINES


def run(data: bytes) -> None:
    audio: Need = "optional" if len(data) % 2 else "required"
    video: Need = "optional" if len(data) % 4 > 1 else "required"
    try:
        offer = read_offer(data.decode("utf-8", "replace"), audio=audio, video=video)
    except RequestError as error:
        check_refusal(error)
        return
    check_offer(offer, audio=audio, video=video)


def check_offer(offer: CheckedOffer, *, audio: Need, video: Need) -> None:
    """What was cleaned is clean, and bounded. What stood once for the session or for all codecs is written out for each
    of them, and may then be more of it than an offer may have."""
    assert offer.text.count("a=fingerprint:") <= MAX_M_LINES * MOST_LINES["fingerprint"]
    with contextlib.suppress(TooLargeError):
        again = read_offer(offer.text, audio=audio, video=video)
        assert again.fragments == offer.fragments
        assert again.data == offer.data
        assert again.videos == offer.videos
        assert (again.has_audio, again.sends_audio, again.takes_audio) == (
            offer.has_audio,
            offer.sends_audio,
            offer.takes_audio,
        )
    kinds = [line.split()[0] for line in offer.text.splitlines() if line.startswith("m=")]
    assert kinds.count("m=audio") == offer.has_audio >= (audio == "required")
    assert kinds.count("m=video") == len(offer.videos)
    assert sum(offer.videos) <= 1
    assert any(offer.videos) or video == "optional"
    assert any(offer.videos) or offer.sends_audio or offer.takes_audio
    assert sum(line.startswith("a=candidate:") for line in offer.text.splitlines()) <= len(kinds) * MAX_CANDIDATES


TARGET = Target("sdp_offer", run, OFFERS, mutate_offer, MAX_SDP + 64, (20_000, 20.0))
