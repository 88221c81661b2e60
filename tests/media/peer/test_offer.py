"""Offers as browsers make them, and as nobody should."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livehead.errors import MalformedError, RequestError, UnprocessableError
from livehead.media.peer.offer import Need
from livehead.media.peer.peer import Peer

OFFERS = Path(__file__).parent / "offers"
BROWSERS = ("chromium", "firefox", "safari")


def offer(name: str) -> str:
    return (OFFERS / f"{name}.sdp").read_bytes().decode()


def sections(sdp: str) -> dict[str, str]:
    """The m-sections by kind."""
    parts = re.split(r"(?m)^m=", sdp)[1:]
    return {part.split()[0]: part for part in parts}


def without(sdp: str, kind: str) -> str:
    head, *parts = re.split(r"(?m)^(?=m=)", sdp)
    gone = next(p for p in parts if p.startswith(f"m={kind}"))
    mid = re.search(r"a=mid:(\S+)", gone)
    assert mid
    head = re.sub(rf"(a=group:BUNDLE[^\r\n]*) {mid[1]}\b", r"\1", head).replace(f"BUNDLE {mid[1]} ", "BUNDLE ")
    return head + "".join(p for p in parts if p is not gone)


def only(sdp: str, codec: str) -> str:
    """The offer with other video codecs renamed out of reach."""
    return re.sub(
        r"a=rtpmap:(\d+) (VP8|H264)/90000", lambda m: m[0] if m[2] == codec else f"a=rtpmap:{m[1]} X/90000", sdp
    )


async def answer(
    sdp: str, *, voice: bool = False, audio: Need = "required", video: Need = "required"
) -> dict[str, str]:
    async with Peer(voice=voice, audio=audio, video=video) as peer:
        return sections(await peer.answer(sdp))


def first_codec(section: str) -> str:
    payload_type = section.split("\n")[0].split()[3]
    found = re.search(rf"a=rtpmap:{payload_type} ([^/\s]+)/", section)
    assert found
    return found[1]


@pytest.mark.parametrize("browser", BROWSERS)
@pytest.mark.parametrize("voice", [False, True])
async def test_browsers_get_h264_and_opus(browser: str, voice: bool) -> None:
    media = await answer(offer(browser), voice=voice)
    assert first_codec(media["video"]) == "H264"
    payload_type = media["video"].split()[3]
    assert re.search(rf"a=fmtp:{payload_type} .*packetization-mode=1.*profile-level-id=42e01f", media["video"])
    assert first_codec(media["audio"]) == "opus"
    assert "a=sendonly" in media["video"]
    # What a browser offers as sendonly can only be received. All else may be wanted later in the call.
    sends = "a=sendonly" not in sections(offer(browser))["audio"]
    assert ("a=sendrecv" if sends else "a=recvonly") in media["audio"]
    assert "a=candidate" in media["audio"]


@pytest.mark.parametrize("browser", BROWSERS)
async def test_a_browser_without_h264_gets_vp8(browser: str) -> None:
    assert first_codec((await answer(only(offer(browser), "VP8")))["video"]) == "VP8"


@pytest.mark.parametrize("browser", BROWSERS)
async def test_an_offer_of_h264_alone_is_answered(browser: str) -> None:
    media = await answer(only(offer(browser), "H264"))
    assert first_codec(media["video"]) == "H264"
    assert "VP8" not in media["video"]


async def test_video_may_be_offered_as_sendrecv_and_lines_in_any_order() -> None:
    head, audio, video, data = re.split(r"(?m)^(?=m=)", offer("firefox"))
    turned = head + video.replace("a=recvonly", "a=sendrecv") + data + audio.replace("a=sendrecv", "a=sendonly")
    async with Peer() as peer:
        text = await peer.answer(turned)
    assert [line.split()[0] for line in text.splitlines() if line.startswith("m=")] == [
        "m=video",
        "m=application",
        "m=audio",
    ]
    assert "a=sendonly" in sections(text)["video"]
    assert "a=recvonly" in sections(text)["audio"]


@pytest.mark.parametrize("browser", BROWSERS)
@pytest.mark.parametrize(
    ("offered", "answered"),
    [("recvonly", "sendonly"), ("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("inactive", "inactive")],
)
async def test_audio_of_any_direction_is_answered_where_it_is_optional(
    browser: str, offered: str, answered: str
) -> None:
    head, audio, *others = re.split(r"(?m)^(?=m=)", offer(browser))
    assert audio.startswith("m=audio")
    turned = head + re.sub(r"a=(sendrecv|sendonly)\b", f"a={offered}", audio) + "".join(others)
    async with Peer(audio="optional") as peer:
        media = sections(await peer.answer(turned))
        assert peer.sends_audio is (offered in ("sendrecv", "sendonly"))
        assert peer.takes_audio is (offered in ("sendrecv", "recvonly"))
        assert peer.takes_video
    assert f"a={answered}\r\n" in media["audio"]
    assert "a=sendonly" in media["video"]


async def test_an_m_line_that_is_alone_needs_no_bundle() -> None:
    answered = await answer(offer("gstreamer"), video="optional")
    assert "a=recvonly" in answered["audio"]
    assert "opus/48000" in answered["audio"]


def directions(sdp: str) -> list[tuple[str, str]]:
    """Kind and direction of each m-section, in their order."""
    found = []
    for part in re.split(r"(?m)^m=", sdp)[1:]:
        direction = re.search(r"(?m)^a=(sendrecv|sendonly|recvonly|inactive)\b", part)
        found.append((part.split()[0], direction[1] if direction else ""))
    return found


async def offer_of(*lines: tuple[str, str], data: bool = False) -> str:
    """What aiortc offers for these kinds and directions."""
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for kind, direction in lines:
        pc.addTransceiver(kind, direction)
    if data:
        pc.createDataChannel("chat")
    await pc.setLocalDescription(await pc.createOffer())
    sdp = pc.localDescription.sdp
    await pc.close()
    return str(sdp)


FORMS = [
    # lines, what is answered, takes video, takes audio, sends audio
    ([("audio", "sendonly")], ["recvonly"], False, False, True),
    ([("audio", "sendonly"), ("video", "sendonly")], ["recvonly", "inactive"], False, False, True),
    ([("audio", "sendrecv")], ["sendrecv"], False, True, True),
    ([("audio", "recvonly")], ["sendonly"], False, True, False),
    ([("video", "recvonly")], ["sendonly"], True, False, False),
    ([("audio", "recvonly"), ("video", "recvonly")], ["sendonly", "sendonly"], True, True, False),
    ([("video", "recvonly"), ("audio", "sendrecv")], ["sendonly", "sendrecv"], True, True, True),
    ([("audio", "inactive"), ("video", "recvonly")], ["inactive", "sendonly"], True, False, False),
    (
        [("audio", "sendrecv"), ("video", "sendrecv"), ("video", "sendonly")],  # as Pipecat's clients do
        ["sendrecv", "sendonly", "inactive"],
        True,
        True,
        True,
    ),
    (
        [("video", "sendonly"), ("audio", "sendrecv"), ("video", "recvonly"), ("video", "recvonly")],
        ["inactive", "sendrecv", "sendonly", "inactive"],
        True,
        True,
        True,
    ),
]


@pytest.mark.parametrize(("lines", "answered", "video", "audio", "sends"), FORMS)
async def test_forms_of_offers(
    lines: list[tuple[str, str]], answered: list[str], video: bool, audio: bool, sends: bool
) -> None:
    async with Peer(audio="optional", video="optional") as peer:
        text = await peer.answer(await offer_of(*lines))
        assert (peer.takes_video, peer.takes_audio, peer.sends_audio) == (video, audio, sends)
    assert directions(text) == [(kind, direction) for (kind, _), direction in zip(lines, answered, strict=True)]


@pytest.mark.parametrize(
    ("lines", "needs", "says"),
    [
        ([("video", "recvonly")], ("required", "optional"), "no audio m-line"),
        ([("audio", "recvonly"), ("video", "recvonly")], ("required", "optional"), "sendrecv or sendonly"),
        ([("audio", "sendrecv")], ("optional", "required"), "no video m-line"),
        ([("audio", "sendrecv"), ("video", "sendonly")], ("optional", "required"), "recvonly"),
        ([("audio", "inactive"), ("video", "sendonly")], ("optional", "optional"), "neither takes video"),
        ([("video", "sendonly"), ("video", "inactive")], ("optional", "optional"), "neither takes video"),
        ([("audio", "sendrecv"), ("audio", "sendrecv")], ("optional", "optional"), "2 audio"),
        ([("audio", "sendrecv"), *[("video", "recvonly")] * 4], ("optional", "optional"), "4 video"),
    ],
)
async def test_what_a_form_lacks_is_told(lines: list[tuple[str, str]], needs: tuple[Need, Need], says: str) -> None:
    with pytest.raises(UnprocessableError, match=says):
        await answer(await offer_of(*lines), audio=needs[0], video=needs[1])


async def test_a_camera_of_a_codec_that_nobody_speaks_here_is_rejected_alone() -> None:
    sdp = await offer_of(("audio", "sendonly"), ("video", "sendonly"), data=True)
    sdp = re.sub(r"a=rtpmap:(\d+) (VP8|H264)/90000", r"a=rtpmap:\1 AV1/90000", sdp)
    offered = sections(sdp)["video"].split()[3]
    async with Peer(video="optional") as peer:
        text = await peer.answer(sdp)
        assert peer.sends_audio
        assert not peer.takes_video
    assert (
        sections(text)["video"]
        == f"video 0 UDP/TLS/RTP/SAVPF {offered}\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:1\r\n"
    )
    assert "a=group:BUNDLE 0 2\r\n" in text
    assert "a=recvonly" in sections(text)["audio"]
    with pytest.raises(UnprocessableError, match="No codec in common for video"):
        await answer(sdp.replace("a=sendonly", "a=sendrecv"), video="optional")


async def test_an_offer_of_data_alone_is_told_what_it_lacks() -> None:
    with pytest.raises(UnprocessableError, match="neither takes video"):
        await answer(await offer_of(data=True), audio="optional", video="optional")


async def test_data_is_optional() -> None:
    assert set(await answer(without(offer("chromium"), "application"))) == {"audio", "video"}


async def test_bundled_lines_may_leave_their_transport_to_the_first() -> None:
    head, audio, video, data = re.split(r"(?m)^(?=m=)", offer("firefox"))
    bare = re.sub(r"a=(ice-pwd|ice-ufrag|setup|rtcp-mux)[^\r\n]*\r\n", "", video).replace("m=video 9", "m=video 0")
    media = await answer(head + audio + bare + "a=bundle-only\r\n" + data)
    assert first_codec(media["video"]) == "H264"


async def test_an_old_phone_offers_pcmu_without_a_map() -> None:
    sdp = offer("safari").replace("SAVPF 111 63 9 0 8 13 110 126", "SAVPF 0")
    sdp = re.sub(r"a=(rtpmap|fmtp|rtcp-fb):(111|63|9|0|8|13|110|126) [^\r\n]*\r\n", "", sdp)
    assert first_codec((await answer(sdp))["audio"]) == "PCMU"


async def test_lines_may_end_with_a_newline_alone() -> None:
    assert set(await answer(offer("safari").replace("\r\n", "\n"))) == {"audio", "video"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: without(s, "audio"), "audio"),
        (lambda s: without(s, "video"), "video"),
        (lambda s: s + "m=audio" + s.split("m=audio")[1].split("m=video")[0], "2 audio"),
        (lambda s: s.split("m=audio")[0], "no m-lines"),
        (lambda s: s.replace("a=sendonly", "a=recvonly"), "sendrecv or sendonly"),
        (lambda s: s.replace("a=sendonly", "a=inactive"), "sendrecv or sendonly"),
        (lambda s: s.replace("a=recvonly", "a=sendonly"), "recvonly"),
        (lambda s: s.replace("H264/", "H263/").replace("VP8/", "VP9/"), "No codec in common for video"),
        (lambda s: s.replace("opus/", "speex/").replace("PCM", "LPC"), "No codec in common for audio"),
        (lambda s: only(s, "H264").replace("packetization-mode=1", "packetization-mode=0"), "No codec in common"),
        (lambda s: re.sub(r"a=fingerprint[^\r\n]*\r\n", "", s), "fingerprint"),
        (lambda s: re.sub(r"a=ice-ufrag[^\r\n]*\r\n", "", s), "ICE"),
        (lambda s: re.sub(r"a=mid[^\r\n]*\r\n", "", re.sub(r"a=group[^\r\n]*\r\n", "", s)), "mid"),
        (lambda s: re.sub(r"a=group[^\r\n]*\r\n", "", s), "BUNDLE"),
        (lambda s: s.replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 0 1 2"), "BUNDLE"),
        (lambda s: re.sub(r"a=rtcp-mux[^\r\n]*\r\n", "", s), "rtcp-mux"),
        (lambda s: s.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "encrypted"),
        (lambda s: s.replace("a=mid:1", "a=mid:0"), ""),
        (lambda s: s.replace("a=mid:1", "a=mid"), "mid"),
        (lambda s: s + "m=text 9 UDP/TLS/RTP/SAVPF 98\r\na=mid:7\r\n", "text"),
    ],
)
async def test_what_cannot_be_served_is_told(change, says: str) -> None:
    with pytest.raises(UnprocessableError) as caught:
        await answer(change(offer("safari")))
    assert says in str(caught.value)
    assert str(caught.value).endswith((".", "baseline, packetization-mode 1) or VP8."))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \r\n",
        "hello",
        '{"sdp": "v=0"}',
        "v=0\r\nm=audio\r\n",
        "v=zero\r\n",
        "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF x\r\n",
        "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:nothing\r\n",
        "v=0\r\na=setup:sideways\r\n",
        os.urandom(10_000).decode("latin-1"),
    ],
    ids=range(10),
)
async def test_what_is_no_sdp_is_malformed(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        await answer(text)
    assert len(str(caught.value)) < 400


async def test_a_peer_that_is_closed_meanwhile_says_so() -> None:
    async with Peer() as peer:
        answering = asyncio.create_task(peer.answer(offer("chromium")))
        await asyncio.sleep(0)
        await peer.close()
        with pytest.raises(UnprocessableError, match="ended before"):
            await answering


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(BROWSERS), st.data())
def test_a_damaged_offer_never_does_worse_than_a_request_error(browser: str, data: st.DataObject) -> None:
    lines = offer(browser).split("\r\n")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        what = data.draw(st.sampled_from(["drop", "twice", "cut", "noise", "swap"]))
        if what == "drop":
            lines[at] = ""
        elif what == "twice":
            lines.insert(at, lines[at])
        elif what == "cut":
            lines[at] = lines[at][: data.draw(st.integers(0, 12))]
        elif what == "noise":
            lines[at] += data.draw(st.text(max_size=5))
        else:
            other = data.draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
    refusal = ""
    try:
        asyncio.run(answer("\r\n".join(lines)))
    except RequestError as error:
        refusal = str(error)
    assert "cannot be answered" not in refusal  # found before the stack sees it
