"""Pushed speech, in messages of any size and at any rate, with ends, interrupts and waiting in between."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np

from fuzz.loop import wait_for
from fuzz.mutators import packet_mutator
from fuzz.target import Target
from fuzz.targets.pieces import piece, pieces
from livehead.core.block import BLOCK_S, BLOCK_SAMPLES, SAMPLE_RATE
from livehead.core.messages.from_server import Playback
from livehead.core.speech.queue import MAX_S
from livehead.errors import RequestError
from livehead.sessions.sources.push import PushSource
from livehead.sessions.sources.speaker import Speaker

PUSH, NOISE, END, INTERRUPT, WAIT, PRESET = range(6)


class _Pipeline:
    """Takes what the source gives, and checks that its timeline is one."""

    def __init__(self, source: PushSource) -> None:
        self.now = 1000.0
        self.samples = 0
        self._source = source
        self._next: int | None = None

    def poll(self) -> None:
        self._take(self._source.poll(self.now, 0))

    def interrupt(self, *, by_speaker: bool) -> None:
        if self._source.interrupt(self.now, by_speaker=by_speaker):
            self._take(self._source.restart(self.now))

    def set_preset(self, hop: int) -> None:
        self._take(self._source.set_preset(hop, 0, self.now))

    def _take(self, span: Any) -> None:
        if span is None:
            return
        assert len(span.pcm) % BLOCK_SAMPLES == 0
        assert span.pcm.dtype == np.float32
        assert np.isfinite(span.pcm).all()
        assert np.abs(span.pcm).max(initial=0) <= 1.5
        assert span.discontinuity or self._next in (None, span.start), "a gap in the timeline"
        self._next = span.start + len(span.pcm)
        self.samples += len(span.pcm)
        self._source.block_sent(span.start // BLOCK_SAMPLES, None, self.now)


def run(data: bytes) -> None:
    """Two bytes say the rate."""
    if len(data) >= 2:
        wait_for(_speak(int.from_bytes(data[:2], "big"), data[2:]))


async def _speak(rate: int, data: bytes) -> None:
    source = PushSource(2, 0)
    pipeline = _Pipeline(source)
    told: list[Playback] = []
    stub: Any = pipeline
    try:
        speaker = Speaker(
            source, stub, rate, told.append, lambda: None, count_interrupt=lambda: None, clock=lambda: pipeline.now
        )
    except RequestError:
        return
    interrupts = pushed = 0
    for command, number, content in pieces(data, 60):
        match command % 6:
            case 0:
                pushed += await _push(speaker, content)
            case 1:
                pushed += await _push(speaker, content * (number % 32))
            case 2:
                await _in_time(speaker.end())
            case 3:
                interrupts += 1
                speaker.interrupt()
            case 4:
                for _ in range(min(number, 50)):
                    pipeline.now += BLOCK_S
                    pipeline.poll()
            case _:
                pipeline.set_preset(1 + number % 24)
        assert source.room >= 0
        assert source.room <= round(MAX_S / BLOCK_S + 1) * BLOCK_SAMPLES
    assert sum(each.state == "interrupted" for each in told) >= interrupts, "an interrupt was not answered"
    assert pipeline.samples <= pushed * SAMPLE_RATE // rate + (pipeline.now - 1000 + 400) * SAMPLE_RATE
    ks = [each.k for each in told]
    assert ks == sorted(ks), "playback goes backwards"
    speaker.close()
    ends = [each.utterance for each in told if each.state != "started" and each.utterance is not None]
    assert ends == list(range(len(ends))), "an utterance has not exactly one end"
    assert all(each.spoken_ms >= 0 and each.shown_ms is None for each in told)
    speaker.release()
    speaker.release()


async def _push(speaker: Speaker, data: bytes) -> int:
    try:
        await _in_time(speaker.hear(data))
    except RequestError:
        assert len(data) % 2 == 1
        return 0
    assert len(data) % 2 == 0
    return len(data) // 2


async def _in_time(coroutine: Any) -> None:
    """What waits for room would wait for ever here, where time stands still."""
    task = asyncio.ensure_future(coroutine)
    for _ in range(8):
        if task.done():
            break
        await asyncio.sleep(0)
    if not task.done():
        task.cancel()
        await asyncio.wait([task])
    elif not task.cancelled():
        task.result()


_SOUND = (piece(PUSH, 0, bytes(range(200))), piece(NOISE, 31, b"\x00\x40\x00\xc0" * 60), piece(END), piece(INTERRUPT))
_PACKETS = (*_SOUND, piece(WAIT, 5), piece(WAIT, 50), piece(PUSH, 0, b"odd"), piece(PRESET, 7))

TARGET = Target(
    "speech_framing",
    run,
    (
        (16_000).to_bytes(2, "big") + b"".join(_PACKETS),
        (24_000).to_bytes(2, "big") + _SOUND[0] * 20 + piece(END) + piece(WAIT, 50),
        (48_000).to_bytes(2, "big") + _SOUND[1] * 20,
        (44_100).to_bytes(2, "big") + (_SOUND[1] + piece(WAIT, 3)) * 10,
        (7_999).to_bytes(2, "big") + b"".join(_PACKETS),
    ),
    packet_mutator(*_PACKETS),
    4096,
    (20_000, 100.0),
    steps=60,
)
