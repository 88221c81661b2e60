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

AUDIO = """m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:0
a=sendrecv
a=rtpmap:111 opus/48000/2
"""

VIDEO = """m=video 9 UDP/TLS/RTP/SAVPF 96
a=mid:1
a=recvonly
a=rtpmap:96 VP8/90000
"""


def offer(*, audio: str = "", video: str = "") -> bytes:
    """A good offer, with more lines in its sections. Its client has one candidate, which never
    answers."""
    values = {
        "number": secrets.randbits(48),
        "ufrag": secrets.token_hex(4),
        "password": secrets.token_hex(16),
        "fingerprint": ":".join(f"{byte:02X}" for byte in secrets.token_bytes(32)),
    }
    text = HEAD + AUDIO + TRANSPORT + "{more_audio}" + VIDEO + TRANSPORT + "{more_video}"
    return text.format(**values, more_audio=audio, more_video=video).replace("\n", "\r\n").encode()


def feedback(codecs: int, kinds: int) -> bytes:
    """The same codec many times over, and feedback for every codec. Written out and parsed again it has ``codecs ×
    kinds`` lines, each of which holds for every codec once more."""
    return offer(video="a=rtpmap:96 VP8/90000\n" * codecs + "".join(f"a=rtcp-fb:* x{each}\n" for each in range(kinds)))


def sources(number: int) -> bytes:
    return offer(audio="".join(f"a=ssrc:{each} cname:a\n" for each in range(1, number + 1)))


def parameters(number: int) -> bytes:
    """One line of format parameters after another for the same codec."""
    return offer(video="".join(f"a=fmtp:96 p{each}=1\n" for each in range(number)))
