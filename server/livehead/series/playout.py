"""What Prometheus is told of blocks on their way out: delay, frames, silence, encoding."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from livehead.series.histogram import Histogram

GENERATE_S = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.4, 0.8, 1.6)
DELAY_S = (0.04, 0.06, 0.08, 0.1, 0.12, 0.16, 0.2, 0.3, 0.4, 0.6, 0.9, 1.3, 2.0)
SHARE = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
ENCODE_S = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.012, 0.02, 0.03, 0.04, 0.08, 0.16, 0.32)


class PlayoutSeries:
    """``generate``, ``delay`` and ``delay_share`` are fed for every block, the others once a second."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        self.generate = Histogram("livehead_generate_seconds", "Time to generate a hop.", GENERATE_S, registry=registry)
        self.delay = Histogram(
            "livehead_delay_seconds", "From a block's arrival to sending.", DELAY_S, registry=registry
        )
        self.delay_share = Histogram(
            "livehead_delay_bound_ratio",
            "The same delay as a share of the most that the block's preset allows.",
            SHARE,
            registry=registry,
        )
        self.sent = counter("livehead_blocks_sent", "Blocks of 40 ms sent.")
        self.skipped = counter("livehead_blocks_skipped", "Blocks not sent to catch up, by reason.", "reason")
        self.repeated = counter("livehead_frames_repeated", "Frames shown twice, by reason.", "reason")
        self.dropped = counter("livehead_frames_dropped", "Frames never shown, by reason.", "reason")
        self.repeated.labels("no-frame")  # from 0 on: Prometheus sees no growth in a series that begins at 1
        self.dropped.labels("encoder")
        self.encoded = counter(
            "livehead_frames_encoded", "Frames encoded, by codec: once for all viewers of a session.", "codec"
        )
        self.encode = Histogram(
            "livehead_encode_seconds",
            "Time to encode a frame or 40 ms of audio, with the wait for a thread, by codec.",
            ENCODE_S,
            ("codec",),
            registry=registry,
        )
        self.concealed = counter(
            "livehead_audio_concealed_seconds", "Clients' audio that did not come in time and was made up."
        )
        self.silence_made = counter(
            "livehead_silence_blocks_made_ahead", "Blocks of silence whose frames were asked for before they came."
        )
        self.silence_rewound = counter(
            "livehead_silence_blocks_rewound", "Of these, blocks taken back because somebody began to speak."
        )
