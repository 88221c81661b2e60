"""What the attackers send is what it claims to be."""

from __future__ import annotations

import struct

import pytest
from aiortc import sdp

from livehead.bench.attack.attacks.calls import Rtp, init_with_empty_parameter
from livehead.bench.attack.attacks.catalogue import ATTACKS
from livehead.bench.attack.attacks.datagrams import Datagrams, Stun
from livehead.bench.attack.line import Line
from livehead.bench.attack.offer_text import feedback, offer, parameters, sources
from livehead.bench.attack.wire import Target
from livehead.commands.bench_attack import attack_names
from livehead.media.peer.offer import read_offer
from pages import ROOT

NOWHERE = Target("127.0.0.1", 9, (), "127.0.0.2")


def test_the_good_offer_is_one_that_the_server_takes() -> None:
    assert read_offer(offer().decode()).text


def test_every_offer_is_a_client_of_its_own() -> None:
    assert offer() != offer()


def test_bad_offers_are_short_sdp_with_much_to_do() -> None:
    for text in (feedback(3, 4), sources(20), parameters(20)):
        parsed = sdp.SessionDescription.parse(text.decode())
        assert [m.kind for m in parsed.media] == ["audio", "video"]
    assert len(feedback(150, 150)) < 8000
    (_, video) = sdp.SessionDescription.parse(feedback(3, 4).decode()).media
    assert [len(codec.rtcpFeedback) for codec in video.rtp.codecs] == [4] * 4
    (_, again) = sdp.SessionDescription.parse(str(sdp.SessionDescription.parse(feedback(3, 4).decode()))).media
    assert [len(codec.rtcpFeedback) for codec in again.rtp.codecs] == [4 * 4] * 4


def test_the_init_has_36_bytes_and_ends_with_a_parameter_of_length_0() -> None:
    packet = init_with_empty_parameter()
    assert len(packet) == 36
    assert struct.unpack_from("!BBH", packet, 12) == (1, 0, 24)
    assert packet[-2:] == b"\0\0"


def test_datagrams_are_empty_or_huge_and_stun_is_malformed_or_whole() -> None:
    datagrams = Datagrams(NOWHERE, Line(100)).datagrams()
    assert {len(next(datagrams)) for _ in range(600)} == {0, 60_000}
    stun = Stun(NOWHERE, Line(100)).datagrams()
    requests = {next(stun) for _ in range(64)}
    assert all(struct.unpack_from("!HHI", each)[::2] == (1, 0x2112A442) for each in requests)
    assert any(struct.unpack_from("!HH", each, 20) == (6, 0xFFFF) for each in requests)


def test_rtp_of_the_flood_is_audio_and_feedback() -> None:
    packets = Rtp(NOWHERE, Line(100))._packets(7)
    kinds = [next(packets)[1] & 0x7F for _ in range(10)]
    assert kinds.count(96) == 6
    assert kinds.count(206 & 0x7F) == 4


def test_attacks_are_chosen_by_name() -> None:
    assert attack_names("sctp,offers") == ("sctp", "offers")
    with pytest.raises(ValueError, match="session-messages"):
        attack_names("sctp,teardrop")


def test_every_attack_is_on_the_page() -> None:
    page = (ROOT / "docs/performance/attack.md").read_text()
    missing = [name for name, attack in ATTACKS.items() if f"| `{name}` | {attack.does} |" not in page]
    assert missing == []
