"""What a session tells of itself: figures once a second, and the server's clock when it is asked."""

from __future__ import annotations

import asyncio
import time
from dataclasses import fields

from livehead.core.messages.from_client import Ping, decode_channel
from livehead.core.messages.from_server import Pong, Stats, TracedStats, encode
from livehead.errors import RequestError
from livehead.logs import SessionLog
from livehead.media.peer.peer import Peer
from livehead.sessions.frame_trace import FrameTrace
from livehead.sessions.pipeline import Pipeline
from livehead.sessions.status import Status

REPORT_S = 1.0


class Reporter:
    """Listeners and the data channel get the figures; with ``trace`` the channel also gets each frame's times."""

    def __init__(
        self, pipeline: Pipeline, peer: Peer, status: Status, log: SessionLog, trace: FrameTrace | None
    ) -> None:
        self.latest: Stats | None = None
        self._pipeline = pipeline
        self._peer = peer
        self._status = status
        self._log = log
        self._trace = trace

    async def run(self) -> None:
        """Report for ever."""
        while True:
            await asyncio.sleep(REPORT_S)
            stats = self.measure()
            self._status.tell(stats)
            self._peer.send_text(encode(stats if self._trace is None else _traced(stats, self._trace)))

    def measure(self) -> Stats:
        """The figures of now."""
        self.latest = self._pipeline.stats()
        return self.latest

    def answer(self, text: str) -> None:
        """A text of the data channel. What cannot be understood is no reason to end a call."""
        try:
            message = decode_channel(text)
        except RequestError as error:
            self._log.debug("a message on the data channel was refused: %s", error)
            return
        if isinstance(message, Ping):
            self._peer.send_text(encode(Pong(message.id, time.monotonic())))

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
