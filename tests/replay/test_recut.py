"""Another engine, or another preset: what was heard is cut into windows of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import fakes
from livehead.engine.base import Generator, Preset, Work
from livehead.errors import MediaError
from livehead.replay.heard import as_heard
from livehead.replay.reader import ReplayFile
from livehead.replay.recut import Recut
from livehead.replay.shot import Shot
from livehead.replay.writer import ReplayWriter
from replay.headers import header
from replay.studio import Studio

Speech = Callable[[float], NDArray[np.float32]]
Portraits = list[NDArray[np.uint8]]

PRESETS = [Preset(1, 0, 200), Preset(4, 1, 600), Preset(8, 0, 900), Preset(5, 3, 900)]


def recorded(folder: Path, preview: Generator, speech: Speech, portraits: Portraits) -> Studio:
    """Two interrupts, and another portrait between them."""
    studio = Studio(folder, preview)
    studio.show(portraits[0])
    studio.run(0.5)
    studio.hear(speech(7))
    studio.run(2.013)
    studio.pipeline.interrupt()
    studio.run(1)
    studio.show(portraits[1], avatar="two")
    studio.run(1)
    studio.pipeline.interrupt()
    studio.run(2)
    return studio


class Noting(fakes.FakeGenerator):
    """Notes the sound that each stream was given as its own, and what was taken back."""

    def __init__(self) -> None:
        super().__init__(window=8)
        self.heard: list[NDArray[np.float32]] = []
        self.ahead: list[tuple[int, NDArray[np.float32]]] = []
        self.opened: list[int] = []
        self.unshown: list[int] = []

    def open(self, portrait: NDArray[np.uint8], seed: int) -> fakes.FakeStream:
        self.opened.append(len(self.heard))
        return super().open(np.maximum(portrait, 1), seed)

    def step(self, work: list[Work], pixel_format: object = "yuv420p") -> list[NDArray[np.uint8]]:  # type: ignore[override]
        [item] = work
        blocks = list(item.pcm.reshape(-1, 640))
        self.ahead.append((len(self.heard) + item.hop, np.concatenate(blocks[item.hop :] or [np.zeros(0)])))
        self.heard += blocks[: item.hop]
        return super().step(work)

    def rewind(self, stream: fakes.FakeStream, shown: NDArray[np.uint8], unshown: int) -> None:
        self.unshown.append(unshown)
        if unshown:
            del self.heard[-unshown:]
        super().rewind(stream, shown, unshown)

    def close(self, stream: fakes.FakeStream) -> None:
        """The next stream begins where this one was cut off."""


def shots_of(path: Path, generator: Generator, preset: Preset) -> list[Shot]:
    return list(Recut(ReplayFile(path), generator, preset))


@pytest.mark.parametrize("preset", PRESETS, ids=lambda each: f"{each.hop}+{each.lookahead}")
def test_every_tick_has_its_sound_and_a_frame_of_its_own(
    preset: Preset, tmp_path: Path, speech: Speech, portraits: Portraits, preview: Generator
) -> None:
    studio = recorded(tmp_path, preview, speech, portraits)
    path = studio.close()
    generator = Noting()
    shots = shots_of(path, generator, preset)
    assert [shot.index for shot in shots] == [seen.index for seen in studio.seen]
    for shot, seen in zip(shots, studio.seen, strict=True):
        assert np.array_equal(shot.pcm, seen.pcm)
        sample = fakes.read(shot.frame).sample
        assert sample == seen.pcm[0], "the frame was made of another block"


def test_another_portrait_is_another_stream_and_an_interrupt_is_a_rewind(
    tmp_path: Path, speech: Speech, portraits: Portraits, preview: Generator
) -> None:
    studio = recorded(tmp_path, preview, speech, portraits)
    path = studio.close()
    generator = Noting()
    shots = shots_of(path, generator, Preset(8, 0, 900))
    assert len(generator.opened) == 2
    assert len(generator.unshown) == 2
    assert all(0 <= unshown < 8 for unshown in generator.unshown)
    tags = [fakes.read(shot.frame).tag for shot in shots]
    heard = list(as_heard(ReplayFile(path).events()))
    assert [tag == tags[0] for tag in tags] == [each.portrait.avatar == "one" for each in heard]
    assert sum(each.interrupted for each in heard) == 2


def test_an_unbroken_session_is_what_a_generator_makes_of_its_sound(
    tmp_path: Path, speech: Speech, portraits: Portraits, preview: Generator
) -> None:
    studio = Studio(tmp_path, preview)
    studio.show(portraits[0])
    studio.run(0.5)
    studio.hear(speech(3))
    studio.run(3)
    shots = shots_of(studio.close(), preview, Preset(2, 0, 600))
    stream = preview.open(portraits[0], 7)
    pcm = np.concatenate([seen.pcm for seen in studio.seen])
    pcm = np.concatenate([pcm, np.zeros(640 * (len(studio.seen) % 2), np.float32)])
    [frames] = preview.step([Work(stream, pcm, len(pcm) // 640)])
    assert all(np.array_equal(shot.frame.i420, frame) for shot, frame in zip(shots, frames, strict=False))
    assert len(shots) == len(studio.seen)


def test_a_look_that_the_engine_cannot_give_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.lhr"
    with path.open("wb") as file:
        writer = ReplayWriter(file, header())
        writer.opened(1, fakes.portrait(1), 1, "one", "transparent")
        writer.sent(0, 0, None, np.zeros(640, np.float32))
        writer.end("closed")
    with pytest.raises(MediaError, match=r"transparent.*keep, colour, blur, picture"):
        shots_of(path, fakes.FakeGenerator(), Preset(1, 0, 200))


def test_ticks_that_the_server_missed_are_silence(tmp_path: Path) -> None:
    path = tmp_path / "a.lhr"
    with path.open("wb") as file:
        writer = ReplayWriter(file, header())
        writer.opened(1, fakes.portrait(1), 1, "one")
        for index in (3, 4, 8):
            writer.sent(index, index, None, fakes.audio(0.25))
        writer.end("closed")
    shots = shots_of(path, fakes.FakeGenerator(), Preset(1, 0, 200))
    assert [shot.index for shot in shots] == [3, 4, 5, 6, 7, 8]
    assert [float(shot.pcm.max()) for shot in shots] == [0.25, 0.25, 0, 0, 0, 0.25]
