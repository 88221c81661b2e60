"""Sessions rendered again: those of FlashHead to the byte, those of the preview engine with windows of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.flashhead.conftest import Engines
from livehead.avatars import BUILTIN, load_portrait
from livehead.engine.preview.generator import create
from livehead.media.audio.file import AudioFile
from livehead.replay.as_live import AsLive
from livehead.replay.overview import Overview
from livehead.replay.reader import ReplayFile
from livehead.replay.recut import Recut
from replay.studio import Studio, digest

SPEECH = Path(__file__).parents[2] / "data" / "speech.flac"


def speech(seconds: float) -> NDArray[np.float32]:
    with AudioFile(SPEECH) as file:
        return np.concatenate([piece.pcm for piece in file])[: round(16_000 * seconds)]


def portrait(name: str) -> NDArray[np.uint8]:
    return load_portrait(BUILTIN / f"{name}.png")


def talk(studio: Studio) -> Path:
    """Speech, an interrupt, another portrait, and two interrupts at once."""
    studio.show(portrait("amara"))
    studio.run(0.5)
    studio.push(speech(4))
    studio.run(1.513)
    studio.pipeline.interrupt()
    studio.run(0.5)
    studio.show(portrait("juno"), avatar="juno")
    studio.push(speech(4))
    studio.run(1.03)
    studio.pipeline.interrupt()
    studio.run(0.05)
    studio.pipeline.interrupt()
    studio.run(0.7)
    studio.take_over()
    studio.run(0.3)
    studio.pipeline.interrupt()  # back to what the worker before has made
    studio.run(0.5)
    return studio.close()


def test_a_session_is_made_again_to_the_byte(tiny_engine: Engines, tmp_path: Path) -> None:
    """Its noise is drawn window by window: one too many, made for nobody in the moment of an interrupt, and all that
    follow are others."""
    engine = tiny_engine("lite", 64)
    studio = Studio(tmp_path, engine, pushed=True, takes=0.1)
    file = ReplayFile(talk(studio))
    shots = {shot.index: digest(shot.frame) for shot in AsLive(file, Overview.of(file), engine)}
    assert studio.stale > 0
    fresh = [seen for seen in studio.seen if seen.kind == "fresh"]
    assert len(fresh) > 70
    assert all(shots[seen.index] == seen.picture for seen in fresh)


def test_a_session_that_shared_its_steps_with_others_is_made_again_to_the_byte(
    tiny_engine: Engines, tmp_path: Path
) -> None:
    engine = tiny_engine("lite", 64)
    studio = Studio(tmp_path, engine, pushed=True)
    for number in (1001, 1002):
        studio.worker.join(number, portrait("default"), engine.info.presets["low"])
    studio.show(portrait("amara"))
    studio.run(0.3)
    studio.push(speech(2))
    studio.run(1)
    studio.pipeline.interrupt()
    studio.run(0.5)
    file = ReplayFile(studio.close())
    shots = {shot.index: digest(shot.frame) for shot in AsLive(file, Overview.of(file), engine)}
    assert studio.worker.batches[3] > 5
    fresh = [seen for seen in studio.seen if seen.kind == "fresh"]
    assert len(fresh) > 30
    assert all(shots[seen.index] == seen.picture for seen in fresh)


def test_a_session_of_the_preview_engine_becomes_a_film_of_flashhead(tiny_engine: Engines, tmp_path: Path) -> None:
    studio = Studio(tmp_path, create(size=64), pushed=True)
    path = talk(studio)
    engine = tiny_engine("pro", (32, 48))
    made = [list(Recut(ReplayFile(path), engine, engine.info.presets["low"])) for _ in range(2)]
    assert [shot.index for shot in made[0]] == [seen.index for seen in studio.seen]
    assert made[0][0].frame.i420.shape == (48, 48)
    assert [digest(shot.frame) for shot in made[0]] == [digest(shot.frame) for shot in made[1]]
    assert all(np.array_equal(shot.pcm, seen.pcm) for shot, seen in zip(made[0], studio.seen, strict=True))
