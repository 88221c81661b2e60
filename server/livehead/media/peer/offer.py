"""A client's SDP offer: parsed, checked, and brought into the form that aiortc takes.

Whatever can be wrong with an offer is found here, so that aiortc never raises because of
a client's input. Offers follow JSEP (RFC 9429) and BUNDLE (RFC 9143).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from aiortc import sdp
from aiortc.rtcdtlstransport import RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceCandidate
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from livehead.core.limits import MAX_CANDIDATES, MAX_SDP
from livehead.errors import MalformedError, UnprocessableError

AUDIO_CODECS = ("opus", "pcmu", "pcma")
VIDEO_CODECS = ("h264", "vp8")

_STATIC = {0: ("PCMU", 8000), 8: ("PCMA", 8000)}
_UNPARSABLE = (AssertionError, AttributeError, IndexError, KeyError, StopIteration, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class CheckedOffer:
    """A checked offer. ``text`` is the cleaned SDP; ``fragments`` are the ICE user name fragments in it;
    ``data`` says whether it brings a data channel."""

    text: str
    fragments: frozenset[str]
    data: bool


def read_offer(text: str, *, receive_audio: bool = True) -> CheckedOffer:
    """Check an offer: one audio m-line that sends, one video m-line that receives, perhaps one for data. Without
    ``receive_audio`` the client needs no microphone, and the audio m-line may be of any direction but inactive.

    Raises :class:`MalformedError` for what is no SDP, :class:`UnprocessableError` for SDP that this
    server cannot answer. The detail says what to change.
    """
    description = _parse(text)
    media = description.media
    if not media:
        raise UnprocessableError("The offer has no m-lines. Offer one audio and one video track.")
    for m in media:
        if m.kind not in ("audio", "video", "application"):
            raise UnprocessableError(
                f"The offer has an m-line of kind {m.kind!r}. Offer one audio and one video track."
            )
    audio = _only(description, "audio", "Add the microphone's track to the connection before making the offer.")
    video = _only(description, "video", "Add a video transceiver with direction recvonly before making the offer.")
    if sum(m.kind == "application" for m in media) > 1:
        raise UnprocessableError("The offer has more than one m-line for data channels. One is enough.")

    mids = [m.rtp.muxId for m in media]
    if not all(mids) or len(set(mids)) != len(mids):
        raise UnprocessableError("Every m-line of the offer needs its own a=mid.")
    _complete_bundle(description)
    for m in media:
        _check_transport(m)
    for m in (audio, video):
        _check_codecs(m)
    audio.direction = audio.direction or "sendrecv"
    video.direction = video.direction or "sendrecv"
    wanted = ("sendrecv", "sendonly") if receive_audio else ("sendrecv", "recvonly", "sendonly")
    if audio.direction not in wanted:
        raise UnprocessableError(
            f"The audio m-line is {audio.direction}, so no voice could arrive. Offer it as sendrecv or sendonly; only "
            "sessions with source=push need no microphone, and take recvonly too."
        )
    if video.direction not in ("sendrecv", "recvonly"):
        raise UnprocessableError(
            f"The video m-line is {video.direction}, so no frame could be sent. Offer it as recvonly."
        )
    description.host = None
    for m in media:
        m.host = m.rtcp_host = "0.0.0.0"  # ICE finds the addresses
        m.ice_candidates = [c for c in m.ice_candidates if usable(c)][:MAX_CANDIDATES]
        # Unusable candidates were taken out, so the list no longer counts as complete: the client's own checks may
        # still arrive and connect.
        m.ice_candidates_complete = False
    return CheckedOffer(
        text=str(description),
        fragments=frozenset(str(m.ice.usernameFragment) for m in media if m.ice and m.ice.usernameFragment),
        data=any(m.kind == "application" for m in media),
    )


def read_candidate(line: str) -> RTCIceCandidate | None:
    """An ICE candidate from its ``candidate:…`` line, with or without ``a=``; ``None`` for one that is of no use
    here (TCP, a host name, mDNS). Raises :class:`MalformedError` for anything else."""
    line = line.strip().removeprefix("a=").removeprefix("candidate:")
    if len(line) > 1000:
        raise MalformedError("This ICE candidate is too long.")
    try:
        candidate = sdp.candidate_from_sdp(line)
    except _UNPARSABLE as error:
        raise MalformedError("This is no ICE candidate. Send the candidate string as the browser gives it.") from error
    return candidate if usable(candidate) else None


def usable(candidate: RTCIceCandidate) -> bool:
    """Whether the server can send checks to it: UDP and an address. A browser hides its address behind an mDNS
    name; the checks that it sends itself reveal the address soon enough (RFC 8445, peer-reflexive candidates)."""
    if candidate.protocol.lower() != "udp" or candidate.component != 1 or not 0 < candidate.port < 65536:
        return False
    try:
        address = ipaddress.ip_address(candidate.ip)
    except ValueError:
        return False
    return not address.is_unspecified


def _parse(text: str) -> sdp.SessionDescription:
    if not text.strip():
        raise MalformedError("The body is empty. Send the SDP of an offer.")
    if len(text) > MAX_SDP:
        raise MalformedError("The body is too long for an offer.")
    if not text.lstrip().startswith("v="):
        raise MalformedError("The body is no SDP: it does not start with v=0. Send the sdp string of the offer.")
    try:
        return sdp.SessionDescription.parse(text.lstrip())
    except _UNPARSABLE as error:
        raise MalformedError(f"The SDP cannot be read ({error}).") from error


def _only(description: sdp.SessionDescription, kind: str, advice: str) -> sdp.MediaDescription:
    found = [m for m in description.media if m.kind == kind]
    if not found:
        raise UnprocessableError(f"The offer has no {kind} m-line. {advice}")
    if len(found) > 1:
        raise UnprocessableError(f"The offer has {len(found)} {kind} m-lines. Offer exactly one.")
    return found[0]


def _complete_bundle(description: sdp.SessionDescription) -> None:
    """A bundled m-line may leave its transport attributes to the first one of its bundle (RFC 9143 section 7.1.3)."""
    bundle = next((g.items for g in description.group if g.semantic == "BUNDLE"), [])
    by_mid = {m.rtp.muxId: m for m in description.media}
    if set(bundle) != set(by_mid):
        raise UnprocessableError("All m-lines of the offer must be in one BUNDLE group, as browsers offer them.")
    first = by_mid[str(bundle[0])]
    for mid in bundle[1:]:
        m = by_mid[str(mid)]
        if not (m.ice and m.ice.usernameFragment and m.ice.password):
            m.ice = first.ice
        if (m.dtls is None or not m.dtls.fingerprints) and first.dtls is not None:
            m.dtls = RTCDtlsParameters(fingerprints=list(first.dtls.fingerprints), role=first.dtls.role)
        m.rtcp_mux = m.rtcp_mux or first.rtcp_mux


def _check_transport(m: sdp.MediaDescription) -> None:
    name = f"The {m.kind} m-line"
    if not (m.ice and m.ice.usernameFragment and m.ice.password):
        raise UnprocessableError(f"{name} has no ICE user name fragment and password.")
    if len(m.ice.usernameFragment) > 256 or not 22 <= len(m.ice.password) <= 256:
        raise UnprocessableError(f"{name} has ICE credentials of a wrong length.")
    if m.dtls is None or not m.dtls.fingerprints:
        raise UnprocessableError(f"{name} has no DTLS fingerprint and setup role; only encrypted media is served.")
    if m.kind == "application":
        if m.sctp_port is None and m.profile != "DTLS/SCTP":
            m.sctp_port = 5000
        return
    if "SAVP" not in m.profile:
        raise UnprocessableError(f"{name} is {m.profile}; only encrypted media (UDP/TLS/RTP/SAVPF) is served.")
    if not m.rtcp_mux:
        raise UnprocessableError(f"{name} does not offer rtcp-mux, which this server needs.")
    m.rtcp_port = m.rtcp_port or 9


def _check_codecs(m: sdp.MediaDescription) -> None:
    known = {c.payloadType for c in m.rtp.codecs}
    for payload_type in m.fmt:
        if m.kind == "audio" and payload_type in _STATIC and payload_type not in known:
            name, rate = _STATIC[payload_type]
            m.rtp.codecs.append(
                RTCRtpCodecParameters(mimeType=f"audio/{name}", clockRate=rate, channels=1, payloadType=payload_type)
            )
    for codec in m.rtp.codecs:
        codec.parameters = {key.strip(): value for key, value in codec.parameters.items() if key.strip()}
    wanted = AUDIO_CODECS if m.kind == "audio" else VIDEO_CODECS
    if not any(_fits(codec) for codec in m.rtp.codecs if codec.name.lower() in wanted):
        names = (
            "Opus, PCMU or PCMA" if m.kind == "audio" else "H264 (constrained baseline, packetization-mode 1) or VP8"
        )
        offered = ", ".join(sorted({c.name for c in m.rtp.codecs})) or "none"
        raise UnprocessableError(f"No codec in common for {m.kind}: offered {offered}; this server speaks {names}.")


def _fits(codec: RTCRtpCodecParameters) -> bool:
    if codec.name.lower() != "h264":
        return codec.clockRate in (8000, 48000, 90000)
    if str(codec.parameters.get("packetization-mode", "0")) != "1":
        return False
    try:
        profile, _ = sdp.parse_h264_profile_level_id(str(codec.parameters.get("profile-level-id", "42e01f")))
    except ValueError:
        return False
    return profile in (sdp.H264Profile.PROFILE_CONSTRAINED_BASELINE, sdp.H264Profile.PROFILE_BASELINE)
