"""What Prometheus is told of the network between the server and its clients."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from livehead.series.histogram import Histogram

LOSS = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
JITTER_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16)
ROUND_TRIP_S = (0.005, 0.01, 0.02, 0.04, 0.08, 0.12, 0.2, 0.4, 0.8, 1.6)
SETUP_S = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.2, 2.0, 4.0, 8.0, 15.0)

OUTCOMES = ("connected", "unheard", "ice-failed", "dtls-failed", "left")

DIRECTION = "direction"
KIND = "kind"


class NetworkSeries:
    """``direction`` is ``sent`` or ``received``, as the server sees it; ``kind`` is ``audio`` or ``video``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.bytes = Counter(
            "livehead_media_bytes",
            "RTP packets with their headers, those sent again too, without SRTP, UDP and IP: 8 times its rate is the "
            "bitrate.",
            (DIRECTION, KIND),
            registry=registry,
        )
        self.packets = Counter(
            "livehead_media_packets", "RTP packets, those sent again too.", (DIRECTION, KIND), registry=registry
        )
        self.resent = Counter(
            "livehead_media_packets_resent", "RTP packets sent again because a client missed them.", registry=registry
        )
        self.keyframe_requests = Counter(
            "livehead_keyframe_requests", "Keyframes that clients asked for: their picture was lost.", registry=registry
        )
        self.loss = Histogram(
            "livehead_peer_loss_ratio",
            "Share of the packets lost between two reports of about a second, of each track.",
            LOSS,
            (DIRECTION, KIND),
            registry=registry,
        )
        self.jitter = Histogram(
            "livehead_peer_jitter_seconds",
            "Interarrival jitter (RFC 3550) in each report of a track.",
            JITTER_S,
            (DIRECTION, KIND),
            registry=registry,
        )
        self.round_trip = Histogram(
            "livehead_peer_round_trip_seconds", "Round trip in each report of a track.", ROUND_TRIP_S, registry=registry
        )
        self.setups = Counter(
            "livehead_peer_setups",
            "Peer connections that were answered, by what became of them: connected; unheard, no connectivity check "
            "came; ice-failed; dtls-failed; left, ended before its time was over.",
            ("outcome",),
            registry=registry,
        )
        for outcome in OUTCOMES:
            self.setups.labels(outcome)  # from 0 on: Prometheus sees no growth in a series that begins at 1
        self.setup = Histogram(
            "livehead_peer_setup_seconds",
            "Of connections that were made: from the answer to the first connectivity check (check), from there to the "
            "end of ICE (ice), to the end of DTLS (dtls), to the first frame sent (frame), and all together (total).",
            SETUP_S,
            ("stage",),
            registry=registry,
        )
        self.paths = Counter(
            "livehead_peer_paths",
            "Peer connections that were made, by the type of the client's candidate: host, srflx, prflx or relay.",
            ("candidate",),
            registry=registry,
        )
