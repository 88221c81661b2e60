"""A client's SDP offer: parsed, checked, and brought into the form that aiortc takes.

Whatever can be wrong with an offer is found here, so that aiortc never raises because of
a client's input. Offers follow JSEP (RFC 9429) and BUNDLE (RFC 9143).

aiortc takes a description as text only and parses it itself. So it is given a short one, written anew from what is
used of the offer: its work does not depend on what else the client put in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from aiortc import sdp
from aiortc.codecs import HEADER_EXTENSIONS
from aiortc.rtcdtlstransport import RTCDtlsParameters
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters

from livehead.errors import MalformedError, UnprocessableError
from livehead.media.peer.addresses import AddressPolicy
from livehead.media.peer.candidates import best, usable
from livehead.media.peer.offered_codecs import keep_codecs
from livehead.media.peer.rejected_lines import stand_in
from livehead.media.peer.sdp_bounds import UNPARSABLE, check_bounds

ANY_ADDRESS = AddressPolicy()

Need = Literal["required", "optional"]
"""Of audio that the client sends, and of video that it takes."""

_SENDS = ("sendrecv", "sendonly")
_TAKES = ("sendrecv", "recvonly")

_UFRAG = re.compile(r"[A-Za-z0-9+/=#_-]{4,256}")
_PASSWORD = re.compile(r"[A-Za-z0-9+/=#_-]{22,256}")
"""RFC 8839 section 5.4, and the four characters more that libwebrtc takes."""
_MID = re.compile(r"[!-~]{1,32}")
"""A token of RFC 8866, which every packet carries (RFC 9143 section 15)."""


@dataclass(frozen=True, slots=True)
class CheckedOffer:
    """A checked offer. ``text`` is SDP written anew; ``fragments`` are the ICE user name fragments of the offer;
    ``data`` says whether it brings a data channel.

    ``has_audio`` says whether there is an audio m-line; the client sends and takes audio on it as ``sends_audio`` and
    ``takes_audio`` say. ``videos`` has an entry for each video m-line, in their order: whether the portrait is sent on
    it. In ``text`` all others are inactive; ``rejected`` are those of them without a codec in common, their first
    format by mid (:mod:`~livehead.media.peer.rejected_lines`).

    ``mid`` and ``index`` are those of the m-line whose transport all others share (RFC 9143): only its candidates
    count. ``candidates`` are how many of them ``text`` has, ``refused`` how many the policy did not allow.
    """

    text: str
    fragments: frozenset[str]
    data: bool
    has_audio: bool
    sends_audio: bool
    takes_audio: bool
    videos: tuple[bool, ...]
    rejected: dict[str, str]
    mid: str
    index: int
    candidates: int
    refused: int


def read_offer(
    text: str, *, audio: Need = "required", video: Need = "required", addresses: AddressPolicy = ANY_ADDRESS
) -> CheckedOffer:
    """Check an offer: at most one audio m-line, any number of video m-lines, perhaps one for data. With ``audio``
    required the client must send audio, with ``video`` required it must take video; it must do one of the two in any
    case. The first video m-line that takes video gets the portrait. Candidates that ``addresses`` does not allow are
    left out, and of the others the best are kept.

    Raises :class:`MalformedError` for what is no SDP, :class:`TooLargeError` for more of it than any browser sends,
    :class:`UnprocessableError` for SDP that this server cannot answer. The detail says what to change.
    """
    description = _parse(text)
    media = description.media
    if not media:
        raise UnprocessableError("The offer has no m-lines. Offer one audio and one video track.")
    for m in media:
        if m.kind not in ("audio", "video", "application"):
            raise UnprocessableError(
                f"The offer has an m-line of kind {m.kind[:40]!r}. Offer one audio and one video track."
            )
    voices, videos = ([m for m in media if m.kind == kind] for kind in ("audio", "video"))
    if len(voices) > 1:
        raise UnprocessableError(f"The offer has {len(voices)} audio m-lines. Offer exactly one.")
    if sum(m.kind == "application" for m in media) > 1:
        raise UnprocessableError("The offer has more than one m-line for data channels. One is enough.")

    mids = [m.rtp.muxId or "" for m in media]  # None for an a=mid without a value
    if not all(_MID.fullmatch(mid) for mid in mids) or len(set(mids)) != len(mids):
        raise UnprocessableError("Every m-line of the offer needs its own a=mid, of 1 to 32 characters.")
    primary = _complete_bundle(description)
    for m in media:
        _check_transport(m)
    for m in (*voices, *videos):
        m.direction = m.direction or "sendrecv"
    portrait = next((m for m in videos if m.direction in _TAKES), None)
    _check_directions(voices, videos, portrait, audio, video)
    rejected: dict[str, str] = {}
    for m in (*voices, *videos):
        if m.kind == "audio" or m is portrait:
            keep_codecs(m)
            continue
        m.direction = "inactive"
        try:
            keep_codecs(m)
        except UnprocessableError:
            rejected[str(m.rtp.muxId)] = stand_in(m)
    candidates = [c for c in primary.ice_candidates if usable(c)]
    allowed = [c for c in candidates if addresses.allows(c.ip, c.port)]
    fragments = frozenset(str(m.ice.usernameFragment) for m in media if m.ice)
    for m in media:
        _strip(m)
    primary.ice_candidates = best(allowed)
    description.version, description.origin, description.name, description.time = 0, "- 0 0 IN IP4 0.0.0.0", "-", "0 0"
    description.host = None
    description.group = [g for g in description.group if g.semantic == "BUNDLE"][:1]
    description.msid_semantic = []
    return CheckedOffer(
        text=str(description),
        fragments=fragments,
        data=any(m.kind == "application" for m in media),
        has_audio=bool(voices),
        sends_audio=any(m.direction in _SENDS for m in voices),
        takes_audio=any(m.direction in _TAKES for m in voices),
        videos=tuple(m is portrait for m in videos),
        rejected=rejected,
        mid=str(primary.rtp.muxId),
        index=media.index(primary),
        candidates=len(primary.ice_candidates),
        refused=len(candidates) - len(allowed),
    )


def _parse(text: str) -> sdp.SessionDescription:
    if not text.strip():
        raise MalformedError("The body is empty. Send the SDP of an offer.")
    if not text.lstrip().startswith("v="):
        raise MalformedError("The body is no SDP: it does not start with v=0. Send the sdp string of the offer.")
    check_bounds(text)
    try:
        return sdp.SessionDescription.parse(text.lstrip())
    except UNPARSABLE as error:
        raise MalformedError(f"The SDP cannot be read ({str(error)[:200]}).") from error


def _check_directions(
    voices: list[sdp.MediaDescription],
    videos: list[sdp.MediaDescription],
    portrait: sdp.MediaDescription | None,
    audio: Need,
    video: Need,
) -> None:
    if audio == "required" and not voices:
        raise UnprocessableError(
            "The offer has no audio m-line. Add the microphone's track to the connection before making the offer."
        )
    if audio == "required" and voices[0].direction not in _SENDS:
        raise UnprocessableError(
            f"The audio m-line is {voices[0].direction}, so no voice could arrive. Offer it as sendrecv or sendonly; "
            "only sessions with source=push need no microphone, and take recvonly too."
        )
    if video == "required" and not videos:
        raise UnprocessableError(
            "The offer has no video m-line. Add a video transceiver with direction recvonly before making the offer."
        )
    if video == "required" and portrait is None:
        raise UnprocessableError(
            f"The video m-line is {videos[0].direction}, so no frame could be sent. Offer it as recvonly."
        )
    if portrait is None and all(m.direction == "inactive" for m in voices):
        raise UnprocessableError(
            "The offer neither takes video nor sends or takes audio. Offer audio or video as recvonly to watch, or "
            "audio as sendonly to speak."
        )


def _complete_bundle(description: sdp.SessionDescription) -> sdp.MediaDescription:
    """A bundled m-line may leave its transport attributes to the first one of its bundle (RFC 9143 section 7.1.3),
    which is returned. An m-line that is alone needs no bundle."""
    bundle = next((g.items for g in description.group if g.semantic == "BUNDLE"), [])
    by_mid = {m.rtp.muxId: m for m in description.media}
    if not bundle and len(description.media) == 1:
        return description.media[0]
    if set(bundle) != set(by_mid) or len(bundle) != len(by_mid):
        raise UnprocessableError("All m-lines of the offer must be in one BUNDLE group, as browsers offer them.")
    first = by_mid[str(bundle[0])]
    for mid in bundle[1:]:
        m = by_mid[str(mid)]
        if not (m.ice and m.ice.usernameFragment and m.ice.password):
            m.ice = first.ice
        if (m.dtls is None or not m.dtls.fingerprints) and first.dtls is not None:
            m.dtls = RTCDtlsParameters(fingerprints=list(first.dtls.fingerprints), role=first.dtls.role)
        m.rtcp_mux = m.rtcp_mux or first.rtcp_mux
    return first


def _check_transport(m: sdp.MediaDescription) -> None:
    name = f"The {m.kind} m-line"
    if not (m.ice and m.ice.usernameFragment and m.ice.password):
        raise UnprocessableError(f"{name} has no ICE user name fragment and password.")
    if not _UFRAG.fullmatch(m.ice.usernameFragment) or not _PASSWORD.fullmatch(m.ice.password):
        raise UnprocessableError(
            f"{name} has malformed ICE credentials: a fragment is 4 to 256 letters and digits, a password 22 to 256."
        )
    if m.dtls is None or not m.dtls.fingerprints:
        raise UnprocessableError(f"{name} has no DTLS fingerprint and setup role; only encrypted media is served.")
    if m.kind == "application":
        _check_sctp(m)
        return
    if "SAVP" not in m.profile:
        raise UnprocessableError(f"{name} is {m.profile[:40]}; only encrypted media (UDP/TLS/RTP/SAVPF) is served.")
    if not m.rtcp_mux:
        raise UnprocessableError(f"{name} does not offer rtcp-mux, which this server needs.")
    m.rtcp_port = m.rtcp_port or 9


def _check_sctp(m: sdp.MediaDescription) -> None:
    if m.profile == "DTLS/SCTP":
        port = int(m.fmt[0]) if m.fmt and re.fullmatch("[0-9]{1,5}", m.fmt[0]) else 0
    else:
        port = m.sctp_port = 5000 if m.sctp_port is None else m.sctp_port
    if not 0 < port < 65536:
        raise UnprocessableError("The application m-line has no SCTP port that could be used. Browsers offer 5000.")


def _strip(m: sdp.MediaDescription) -> None:
    """Take out everything that aiortc does not use. ICE finds the addresses, and its list of candidates never counts
    as complete: those that were left out may still turn out to be reachable by the client's own checks."""
    m.port, m.host, m.rtcp_host = 9, "0.0.0.0", "0.0.0.0"
    m.ice_candidates, m.ice_candidates_complete, m.ice_options = [], False, None
    m.msid, m.ssrc, m.ssrc_group, m.sctpmap = None, [], [], {}
    known: dict[str, RTCRtpHeaderExtensionParameters] = {}
    for extension in m.rtp.headerExtensions:
        if 0 < extension.id < 256 and any(extension.uri == e.uri for e in HEADER_EXTENSIONS.get(m.kind, [])):
            known.setdefault(extension.uri, extension)
    m.rtp.headerExtensions = list(known.values())
    if m.sctpCapabilities is not None:
        m.sctpCapabilities.maxMessageSize = max(0, min(m.sctpCapabilities.maxMessageSize, 2**31))
