"""The film of a replay file: sound and picture in step, whole or not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import fakes
from livehead.core.block import quantize
from livehead.engine.base import Generator, Preset
from livehead.errors import MediaError, UsageError
from livehead.replay.film import replay
from livehead.replay.writer import ReplayWriter
from replay.headers import header


class Lamp(fakes.FakeGenerator):
    """Its frames are bright where their block is loud."""

    def step(self, work: Any, pixel_format: Any = "yuv420p") -> list[Any]:
        [item] = work
        frames = np.full((item.hop, self.size * 3 // 2, self.size), 128, np.uint8)
        for frame, block in zip(frames, item.pcm.reshape(-1, 640), strict=False):
            frame[: self.size] = 40 + 160 * min(1.0, float(np.abs(block).max()))
        return [frames]


def recorded(path: Path, blocks: int = 500) -> Path:
    """A burst of 200 ms in every second."""
    time = np.arange(640 * blocks) / 16_000
    tone = quantize((0.8 * np.sin(2 * np.pi * 440 * time) * (time % 1 < 0.2)).astype(np.float32))
    with path.open("wb") as file:
        writer = ReplayWriter(file, header())
        writer.opened(1, fakes.portrait(1), 1, "one")
        for k in range(blocks):
            writer.sent(k, k, None, tone[k * 640 : (k + 1) * 640])
        writer.end("closed")
    return path


def test_sound_and_picture_are_in_step_to_the_end(tmp_path: Path) -> None:
    out = tmp_path / "a.mp4"
    report = replay(recorded(tmp_path / "a.lhr"), out, generator=Lamp(), preset=Preset(8, 0, 900))
    assert (report.frames, report.seconds, report.as_live, report.whole) == (500, 20.0, False, True)
    with av.open(str(out)) as film:
        bright = np.array([frame.to_ndarray()[:64].mean() > 100 for frame in film.decode(video=0)])
    with av.open(str(out)) as film:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in film.decode(audio=0)])
    loud = np.abs(sound[: 500 * 1920]).reshape(-1, 1920).max(1) > 0.2
    onsets = [np.flatnonzero(each[1:] & ~each[:-1]) + 1 for each in (bright, loud)]
    assert len(onsets[0]) == len(onsets[1]) == 19
    assert np.abs(onsets[0] - onsets[1]).max() <= 1
    assert abs(len(sound) / 48_000 - 20) < 0.04
    times = np.flatnonzero(np.abs(sound) > 0.2) / 48_000
    last = times[np.searchsorted(times, 18.5)]
    assert abs(last - 19) < 0.02  # of the burst that begins with frame 475


class Broken(Lamp):
    def step(self, work: Any, pixel_format: Any = "yuv420p") -> list[Any]:
        raise RuntimeError("out of memory")


@pytest.mark.parametrize(
    ("generator", "out", "error"),
    [
        (Broken(), "a.mp4", RuntimeError),
        (Lamp(), "a.avi", UsageError),
        (Lamp(), "none/a.mp4", MediaError),
    ],
)
def test_a_film_that_cannot_be_made_is_not_there(
    generator: Generator, out: str, error: type[Exception], tmp_path: Path
) -> None:
    source = recorded(tmp_path / "a.lhr", 20)
    with pytest.raises(error):
        replay(source, tmp_path / out, generator=generator, preset=Preset(1, 0, 200))
    assert list(tmp_path.iterdir()) == [source]


def test_windows_that_were_never_made_are_no_film(tmp_path: Path) -> None:
    source = recorded(tmp_path / "a.lhr", 20)
    with pytest.raises(MediaError, match="no frame in it"):
        replay(source, tmp_path / "a.mp4", generator=Lamp())
    assert list(tmp_path.iterdir()) == [source]
