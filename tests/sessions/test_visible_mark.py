"""The mark in live sessions: viewers see it, recordings get the frames without it, and it is drawn once a frame."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from livehead.core import mark, test_pattern
from livehead.core.block import BLOCK_SAMPLES, Block
from livehead.core.frame import Frame
from livehead.core.playout.tick import Tick
from livehead.engine.base import Preset
from livehead.engine.host.stream import WindowTiming
from livehead.metrics import Metrics
from livehead.sessions.pacer import Pacer
from livehead.sessions.recording.base import NoRecorder


class Notes(NoRecorder):
    def __init__(self) -> None:
        self.ticks: list[Tick] = []

    def sent(self, tick: Tick) -> None:
        self.ticks.append(tick)


def sent(**options: Any) -> tuple[list[Frame], list[Tick], Frame]:
    """What viewers and a recorder get of three blocks and one frame of 128 x 256 pixels; and the frame."""
    now, frames, notes = [100.0], list[Frame](), Notes()
    viewers: Any = SimpleNamespace(
        send_frame=lambda frame, index: frames.append(frame), send_audio=lambda pcm, index: None
    )
    pacer = Pacer(
        Preset(1, 0, 200),
        viewers,
        Metrics(),
        recorder=notes,
        on_block=lambda k, delay_ms, frame: None,
        clock=lambda: now[0],
        **{"with_test_pattern": False} | options,
    )
    frame = Frame(np.full((384, 128), 90, np.uint8))
    pacer.push_audio([Block(k, np.zeros(BLOCK_SAMPLES, np.float32)) for k in range(3)])
    pacer.push_frames(0, [frame], WindowTiming(100.0, 100.0, 100.0, 1))
    for _ in range(10):
        now[0] += 0.04
        pacer.send()
    assert len(frames) >= 3
    return frames, notes.ticks, frame


@pytest.mark.parametrize("halves", [1, 2])
def test_viewers_see_it_and_recordings_get_the_frame_as_it_was_made(halves: int) -> None:
    frames, ticks, frame = sent(marked=True, halves=halves)
    assert (frames[0].i420 == mark.draw(frame, halves=halves).i420).all()
    assert (frames[0].i420 != frame.i420).any()
    assert all(each is frames[0] for each in frames), "drawn once"
    assert all(tick.frame is frame for tick in ticks if tick.frame is not None)


def test_the_test_pattern_can_be_read_beside_it() -> None:
    frames, _, _ = sent(marked=True, with_test_pattern=True)
    assert test_pattern.read(frames[0].i420[:256]) == test_pattern.Reading(0, 0)


def test_without_the_setting_nothing_is_drawn() -> None:
    frames, _, frame = sent()
    assert all(each is frame for each in frames)
