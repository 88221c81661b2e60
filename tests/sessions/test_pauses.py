"""Clients whose packets pause: from the jitter buffer to the playout, on a clock of the test's own."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

import numpy as np
import pytest

from livehead.core.block import BLOCK_MS, BLOCK_S
from livehead.core.frame import Frame
from livehead.core.playout.playout import Playout
from livehead.core.playout.stats import PlayoutStats
from livehead.core.windows import Window, Windows
from livehead.engine.base import Preset
from livehead.media.audio.jitter_buffer import JitterBuffer, Taken
from livehead.sessions.sources.base import IDLE_BLOCK, Span
from livehead.sessions.sources.mic import MicSource

RATE = 48_000
PACKET = 960
FRAME = Frame(np.zeros((48, 32), np.uint8))


class Call:
    """One client's way from packets to ticks, without sockets, codecs and processes."""

    def __init__(self, preset: Preset) -> None:
        self.now = 100.0
        self.heard: list[int] = []
        self.jitter = JitterBuffer(RATE)
        self.playout = Playout(hop=preset.hop, lookahead=preset.lookahead, max_delay_ms=preset.max_delay_ms)
        self._mic = MicSource(preset.hop, preset.lookahead)
        self._windows = Windows(preset.hop, preset.lookahead, IDLE_BLOCK)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._position = 0
        self._poll()

    def at(self, time: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), do))

    def packet(self, sequence: int, timestamp: int) -> None:
        self.jitter.push(sequence, timestamp, PACKET, sequence.to_bytes(4, "big"), self.now)
        self._drain()

    def run(self, until: float) -> PlayoutStats:
        while self.now < until:
            due, event = self.playout.due, self._events[0][0]
            if due is not None and due <= event:
                self.now = max(self.now, due)
                assert self.playout.tick(self.now) is not None
            else:
                self.now = max(self.now, event)
                heapq.heappop(self._events)[2]()
        return self.playout.stats

    def _drain(self) -> None:
        while (item := self.jitter.pop(self.now)) is not None:
            length = item.duration
            if isinstance(item, Taken):
                self.heard.append(int.from_bytes(item.payload, "big"))
                length += item.stretch - item.skip
            start, self._position = self._position, self._position + length
            samples = np.zeros(self._position // 3 - start // 3, np.float32)
            self._push(self._mic.hear(start // 3, samples))
        due = self.jitter.due
        if due is not None:
            self.at(max(self.now + 0.001, due), lambda: self._drain() if self.jitter.due == due else None)

    def _poll(self) -> None:
        self._push(self._mic.poll(self.now, self._windows.whole))
        self.at(self.now + BLOCK_S, self._poll)

    def _push(self, span: Span | None) -> None:
        if span is None:
            return
        left: tuple[Window, ...] = ()
        if span.discontinuity:
            left = self._windows.seek(0)
            self.playout.seek(0)
        cut = self._windows.push(span.start, span.pcm)
        for block in cut.blocks:
            self.playout.push_audio(block, self.now)
        for window in left + cut.windows:
            self.at(self.now + 0.012, lambda w=window: self.playout.push_frames(w.k, [FRAME] * w.hop, self.now))


@pytest.mark.parametrize("preset", [Preset(1, 0, 200), Preset(8, 1, 900), Preset(24, 0, 1600)], ids=str)
@pytest.mark.parametrize("counts_on", [True, False], ids=["dtx", "a clock that stands still"])
@pytest.mark.parametrize(("speaks", "pauses"), [(0.2, 0.8), (1, 1), (0.5, 0.15), (2, 3), (0.2, 0.3), (1, 0.1)])
def test_bursts_of_packets_lose_nothing_and_repeat_next_to_nothing(
    speaks: float, pauses: float, counts_on: bool, preset: Preset
) -> None:
    """Browsers that send nothing in silence either count their time stamps on, as RTP wants, or go on where they
    stopped, as Web Audio's streams do."""
    call = Call(preset)
    sequence = timestamp = 0
    begins = call.now + 1
    while begins < 130:
        for i in range(round(speaks * 50)):
            call.at(begins + 0.02 * (i + 1), lambda s=sequence, t=timestamp: call.packet(s, t))
            sequence, timestamp = sequence + 1, timestamp + PACKET
        begins += speaks + pauses
        timestamp += round(pauses * RATE) * counts_on
    stats = call.run(130)
    assert call.heard == list(range(len(call.heard)))
    assert len(call.heard) >= sequence - speaks * 50 - 1
    assert call.jitter.late == 0
    assert stats.repeated <= 4 + (preset.hop > 1), stats.repeats  # a window that is late is late with all its frames
    assert stats.skipped <= 2, stats.skips
    assert stats.delay_ms <= (preset.hop + preset.lookahead) * BLOCK_MS + 70


def test_a_network_that_was_out_is_no_pause_of_the_sender() -> None:
    """Half a second of packets comes at once: what is old is left out, and nothing is late from then on."""
    call = Call(Preset(1, 0, 200))
    for i in range(1000):
        at = 101 + 0.02 * i
        late = max(0.0, 111.5 - at) if 111 <= at < 111.5 else 0.0
        call.at(at + late, lambda i=i: call.packet(i, i * PACKET))
    stats = call.run(120)
    assert 20 <= call.jitter.late <= 25
    assert stats.repeated <= 20, stats.repeats
    assert stats.delay_ms <= 130
