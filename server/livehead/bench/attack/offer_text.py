"""SDP offers as text: a good one of a client that nobody will ever reach, and bad ones made of it."""

from __future__ import annotations

import secrets

HEAD = """v=0
o=- {number} 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
"""

TRANSPORT = """c=IN IP4 0.0.0.0
a=rtcp-mux
a=ice-ufrag:{ufrag}
a=ice-pwd:{password}
a=fingerprint:sha-256 {fingerprint}
a=setup:actpass
a=candidate:1 1 udp 2130706431 127.0.0.2 9 typ host
"""

AUDIO = """m=audio 9 UDP/TLS/RTP/SAVPF {audio}
a=mid:0
a=sendrecv
a=rtpmap:111 opus/48000/2
"""

VIDEO = """m=video 9 UDP/TLS/RTP/SAVPF {video}
a=mid:1
a=recvonly
a=rtpmap:96 VP8/90000
"""


def offer(*, audio: str = "", audio_types: str = "111", video: str = "", video_types: str = "96") -> bytes:
    """A good offer, with more lines and payload types in its sections. Its client has one candidate, which never
    answers."""
    values = {
        "number": secrets.randbits(48),
        "ufrag": secrets.token_hex(4),
        "password": secrets.token_hex(16),
        "fingerprint": ":".join(f"{byte:02X}" for byte in secrets.token_bytes(32)),
        "audio": audio_types,
        "video": video_types,
    }
    text = HEAD + AUDIO + TRANSPORT + "{more_audio}" + VIDEO + TRANSPORT + "{more_video}"
    return text.format(**values, more_audio=audio, more_video=video).replace("\n", "\r\n").encode()


def feedback(codecs: int, kinds: int) -> bytes:
    """Every ``rtcp-fb:*`` holds for every codec."""
    types = range(codecs)
    lines = "".join(f"a=rtpmap:{100 + each} VP8/90000\n" for each in types)
    lines += "".join(f"a=rtcp-fb:* x{each}\n" for each in range(kinds))
    return offer(video=lines, video_types=" ".join(["96", *(str(100 + each) for each in types)]))


def sources(number: int) -> bytes:
    return offer(audio="".join(f"a=ssrc:{each} cname:a\n" for each in range(1, number + 1)))


def parameters(number: int) -> bytes:
    """One line of format parameters after another for the same codec."""
    return offer(video="".join(f"a=fmtp:96 p{each}=1\n" for each in range(number)))
