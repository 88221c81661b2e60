"""What a session tells of itself: figures, once a second."""

from __future__ import annotations

import asyncio
from dataclasses import fields

from livehead.core.messages.from_server import Stats, TracedStats, encode
from livehead.media.peer.viewers import Viewers
from livehead.sessions.frame_trace import FrameTrace
from livehead.sessions.network_figures import NetworkFigures
from livehead.sessions.pipeline import Pipeline
from livehead.sessions.session_latency import SessionLatency
from livehead.sessions.speech_time import SpeechTime
from livehead.sessions.status import Status

REPORT_S = 1.0


class Reporter:
    """Listeners and the viewers' data channels get the figures; with ``trace`` the channels get each frame's times
    too."""

    def __init__(
        self,
        pipeline: Pipeline,
        latency: SessionLatency,
        viewers: Viewers,
        status: Status,
        trace: FrameTrace | None,
        network: NetworkFigures,
        speech: SpeechTime,
    ) -> None:
        self.latest: Stats | None = None
        self._pipeline = pipeline
        self._latency = latency
        self._viewers = viewers
        self._status = status
        self._trace = trace
        self._network = network
        self._speech = speech

    async def run(self) -> None:
        """Report for ever."""
        while True:
            await asyncio.sleep(REPORT_S)
            stats = self.measure()
            self._status.tell(stats)
            self._viewers.send_text(encode(stats if self._trace is None else _traced(stats, self._trace)))

    def measure(self) -> Stats:
        """The figures of now, and their growth into the metrics."""
        self._network.measure()
        self._speech.measure()
        self.latest = self._pipeline.stats(preset=self._latency.preset, latency=self._latency.choice)
        return self.latest

    def summary(self) -> str:
        """The latest figures, for the log."""
        if self.latest is None:
            return "no figures"
        s = self.latest
        return (
            f"delay {s.delay_ms:.0f} ms of {s.bound_ms}, generate p95 {s.generate_ms.p95:.0f} ms, "
            f"repeated {s.repeated}, dropped {s.dropped}, skipped {s.skipped}"
        )


def _traced(stats: Stats, trace: FrameTrace) -> TracedStats:
    return TracedStats(**{each.name: getattr(stats, each.name) for each in fields(stats)}, blocks=trace.take())
