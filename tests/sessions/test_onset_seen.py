"""How soon a mouth moves when somebody begins to speak in a room with noise: pictures of the preview engine, with voice
activity detection and without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from livehead.avatars import BUILTIN, load_portrait
from livehead.core.playout.tick import Tick
from livehead.engine.preview.generator import create
from livehead.media.audio.activity import SpeechDetector
from livehead.media.audio.file import AudioFile
from replay.studio import Studio

SPEECH = Path(__file__).parents[1] / "data" / "speech.flac"
QUIET_S, SPOKEN_S = 2.0, 1.6
SIZE = 128


def sound(after: float) -> NDArray[np.float32]:
    with AudioFile(SPEECH) as file:
        speech = np.concatenate([piece.pcm for piece in file])
    spoken = np.concatenate([np.zeros(round(after * 16_000), np.float32), speech])[: round((after + SPOKEN_S) * 16_000)]
    noise = np.random.default_rng(5).normal(size=len(spoken)) * 0.001
    return (spoken + noise).astype(np.float32)


def mouths(folder: Path, preset: str, after: float, detector: SpeechDetector | None) -> dict[int, float]:
    """How much the mouth of every block's frame differs from a mouth at rest."""
    studio = Studio(folder, create(size=SIZE), latency=preset, takes=0.01, detect=detector)
    pictures: dict[int, NDArray[np.int16]] = {}
    sent = studio.recorder.sent

    def keep(tick: Tick) -> None:
        if tick.frame is not None and tick.k is not None and tick.frame_k == tick.k >= 0:
            pictures[tick.k] = tick.frame.i420[SIZE * 5 // 8 : SIZE * 7 // 8, SIZE * 3 // 8 : SIZE * 5 // 8].astype(
                np.int16
            )
        sent(tick)

    studio.recorder.sent = keep  # type: ignore[method-assign]
    studio.show(load_portrait(BUILTIN / "amara.png"))
    studio.run(0.5)
    studio.hear(sound(after))
    studio.run(after + SPOKEN_S + 0.3)
    onset = int(after * 25)
    rest = np.median([pictures[k] for k in range(onset - 20, onset - 2)], axis=0)
    return {k: float(np.abs(picture - rest).mean()) for k, picture in pictures.items()}


@pytest.mark.parametrize(("preset", "later"), [("low", 1), ("throughput", 0)])
@pytest.mark.parametrize("after", [QUIET_S, QUIET_S + 0.013, QUIET_S + 0.027])
def test_the_first_picture_of_speech_is_the_one_that_it_would_be_without(
    preset: str, later: int, after: float, tmp_path: Path
) -> None:
    detector = SpeechDetector()
    with_it = mouths(tmp_path / "with", preset, after, detector)
    without = mouths(tmp_path / "without", preset, after, None)
    detector.close()
    moves = 0.25 * max(without.values())
    first = [
        min(k for k, moved in each.items() if moved > moves and k >= after * 25 - 2) for each in (with_it, without)
    ]
    assert first[0] - first[1] <= later, (first, after * 25)
    before = [moved for k, moved in with_it.items() if 10 < k < after * 25 - 2]
    assert max(before) < moves, "noise moves no lips"
