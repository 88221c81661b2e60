"""Browsers' offers, and how they are changed."""

from __future__ import annotations

from pathlib import Path

from fuzz.mutators import line_mutator

OFFERS = tuple(path.read_bytes() for path in sorted((Path(__file__).parents[2] / "media/peer/offers").glob("*.sdp")))

CANDIDATES = (
    "candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host",
    "candidate:2 1 UDP 1686052607 198.51.100.7 50001 typ srflx raddr 10.0.0.1 rport 9 generation 0 ufrag x",
    "candidate:3 1 tcp 1518280447 10.0.0.7 9 typ host tcptype active",
    "candidate:4 1 udp 1 2001:db8::1 50002 typ relay raddr :: rport 0",
    "candidate:5 1 udp 1 0d1e9c5e-8f4a-4f9f-b1c5-6a2a5a0b0c0d.local 50003 typ host",
    "candidate:6 1 udp 1 fe80::1%eth0 50003 typ host",
    "candidate:7 1 udp 1 169.254.169.254 80 typ host",
    "candidate:8 2 udp 1 ::ffff:127.0.0.1 80 typ host",
)

LINES = (
    *("m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=video 9 UDP/TLS/RTP/SAVPF 96 97", "m=application 9 DTLS/SCTP 5000"),
    *("m=video 0 RTP/AVP 0", "m=text 9 RTP/AVP 0", "a=group:BUNDLE 0 1 2", "a=group:BUNDLE", "a=mid:0", "a=mid:"),
    *("a=rtpmap:96 VP8/90000", "a=rtpmap:97 H264/90000", "a=rtpmap:111 opus/48000/2", "a=rtpmap:8 X/0/0"),
    *("a=rtcp-fb:* nack", "a=rtcp-fb:96 goog-remb", "a=fmtp:97 packetization-mode=1;profile-level-id=42e01f"),
    *("a=fmtp:96 apt=97", "a=fmtp:111 ;;;=;", "a=ssrc:1 cname:x", "a=ssrc:4294967295 msid:a b", "a=ssrc-group:FID 1 2"),
    *("a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid", "a=extmap:15/sendonly x", "a=setup:active", "a=setup:passive"),
    *("a=fingerprint:sha-256 00:11", "a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuv", "a=ice-lite", "a=rtcp:9"),
    *(
        "a=ice-options:trickle",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=recvonly",
        "a=sendonly",
        "a=inactive",
        "a=sctp-port:5000",
    ),
    *("a=sctpmap:5000 webrtc-datachannel 65535", "a=max-message-size:0", "a=msid-semantic: WMS *", "a=msid:- x"),
    *("c=IN IP4 0.0.0.0", "c=IN IP6 ::", "s=-", "t=0 0", "b=AS:1", "a=end-of-candidates", "a=", "=", "a"),
    *(f"a={line}" for line in CANDIDATES),
)

mutate_offer = line_mutator(
    LINES, ("VP8/90000", "H264/90000", "opus/48000/2", "BUNDLE", "sha-256", "*", "UDP/TLS/RTP/SAVPF")
)
