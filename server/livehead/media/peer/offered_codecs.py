"""The codecs of an offer that both sides speak."""

from __future__ import annotations

from aiortc import sdp
from aiortc.codecs import CODECS
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import DYNAMIC_PAYLOAD_TYPES, FORBIDDEN_PAYLOAD_TYPES

from livehead.errors import UnprocessableError

AUDIO_CODECS = ("opus", "pcmu", "pcma")
VIDEO_CODECS = ("h264", "vp8")

_RATES = {"opus": 48_000, "pcmu": 8_000, "pcma": 8_000, "h264": 90_000, "vp8": 90_000}
_PAYLOAD_TYPES = frozenset(range(128)) - frozenset(FORBIDDEN_PAYLOAD_TYPES)
_STATIC = {0: ("PCMU", 8000), 8: ("PCMA", 8000)}


def keep_codecs(m: sdp.MediaDescription) -> None:
    """Leave the codecs that both sides speak, one of each profile, with their retransmission (RFC 4588)."""
    known = {c.payloadType for c in m.rtp.codecs}
    for payload_type in m.fmt:
        if m.kind == "audio" and payload_type in _STATIC and payload_type not in known:
            name, rate = _STATIC[payload_type]
            m.rtp.codecs.append(
                RTCRtpCodecParameters(mimeType=f"audio/{name}", clockRate=rate, channels=1, payloadType=payload_type)
            )
    chosen: dict[object, RTCRtpCodecParameters] = {}
    for codec in m.rtp.codecs:
        if (profile := _profile(codec, m.kind)) is not None:
            chosen.setdefault(profile, codec)
    if not chosen:
        names = (
            "Opus, PCMU or PCMA" if m.kind == "audio" else "H264 (constrained baseline, packetization-mode 1) or VP8"
        )
        offered = ", ".join(sorted({c.name for c in m.rtp.codecs})) or "none"
        raise UnprocessableError(
            f"No codec in common for {m.kind}: offered {offered[:200]}; this server speaks {names}."
        )
    payload_types = {c.payloadType for c in chosen.values()}
    for codec in m.rtp.codecs:
        apt = codec.parameters.get("apt")
        if (
            codec.name.lower() == "rtx"
            and codec.clockRate == 90_000
            and apt in payload_types
            and codec.payloadType in _PAYLOAD_TYPES
        ):
            chosen.setdefault(("rtx", apt), codec)
    kept = {id(codec) for codec in chosen.values()}
    m.rtp.codecs = [_bare(codec, m.kind) for codec in m.rtp.codecs if id(codec) in kept]
    m.fmt = [codec.payloadType for codec in m.rtp.codecs]


def _profile(codec: RTCRtpCodecParameters, kind: str) -> tuple[object, ...] | None:
    """What makes a codec of the server's; ``None`` for one of others. aiortc answers with another payload type than
    the offer's where that is not in the dynamic range (RFC 3551 section 6)."""
    name = codec.name.lower()
    if name not in (AUDIO_CODECS if kind == "audio" else VIDEO_CODECS) or codec.clockRate != _RATES[name]:
        return None
    static = None if codec.payloadType is None else _STATIC.get(codec.payloadType)
    if codec.payloadType not in DYNAMIC_PAYLOAD_TYPES and (static is None or static[0].lower() != name):
        return None
    if name != "h264":
        return (name,)
    if str(_h264(codec, "packetization-mode", "0")) != "1":
        return None
    try:
        profile, _ = sdp.parse_h264_profile_level_id(str(_h264(codec, "profile-level-id", "42e01f")))
    except ValueError:
        return None
    if profile not in (sdp.H264Profile.PROFILE_CONSTRAINED_BASELINE, sdp.H264Profile.PROFILE_BASELINE):
        return None
    return name, profile


def _h264(codec: RTCRtpCodecParameters, key: str, default: str) -> object:
    """A parameter; some clients write a space behind the semicolon."""
    return next((value for name, value in codec.parameters.items() if name.strip() == key), default)


def _bare(codec: RTCRtpCodecParameters, kind: str) -> RTCRtpCodecParameters:
    """The codec with those parameters and that feedback alone which aiortc compares."""
    parameters = {
        key.strip(): value
        for key, value in codec.parameters.items()
        if key.strip() in ("apt", "packetization-mode", "profile-level-id")
    }
    offered = {(f.type, f.parameter) for f in codec.rtcpFeedback}
    feedback = {(f.type, f.parameter): f for known in CODECS[kind] for f in known.rtcpFeedback}
    return RTCRtpCodecParameters(
        mimeType=codec.mimeType,
        clockRate=codec.clockRate,
        channels=codec.channels and min(codec.channels, 2),
        payloadType=codec.payloadType,
        rtcpFeedback=[f for key, f in feedback.items() if key in offered],
        parameters=parameters,
    )
