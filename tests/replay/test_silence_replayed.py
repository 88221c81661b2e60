"""Sessions with silence that was made ahead are made again, and a silent one takes little room."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from livehead.core.block import FPS
from livehead.engine.base import Generator
from livehead.media.audio.activity import SpeechDetector
from livehead.replay.events import Made, Rewound, Sent, Submitted
from livehead.replay.reader import ReplayFile
from replay.studio import Studio
from replay.test_as_live import again, check

Speech = Callable[[float], NDArray[np.float32]]
Portraits = list[NDArray[np.uint8]]

SECONDS = 15


@pytest.fixture
def detector() -> Iterator[SpeechDetector]:
    detector = SpeechDetector()
    yield detector
    detector.close()


def room(seconds: float, level: float = 0.003) -> NDArray[np.float32]:
    """A fan: noise with more of the low sounds."""
    noise = np.random.default_rng(3).normal(size=round(seconds * 16_000))
    return np.convolve(noise, np.full(8, level), "same").astype(np.float32)


@pytest.mark.parametrize("seed", [0, 3])
def test_a_call_of_words_and_pauses_is_made_again(
    seed: int, detector: SpeechDetector, tmp_path: Path, speech: Speech, portraits: Portraits, preview: Generator
) -> None:
    """Windows that were asked for twice from the same block on are told apart."""
    chance = random.Random(seed)
    takes = chance.choice([0.01, 0.03, 0.08])
    studio = Studio(tmp_path, preview, takes=takes, detect=detector, latency=chance.choice(["low", "throughput"]))
    studio.show(portraits[0])
    studio.run(0.3 + chance.random())
    words = [np.concatenate([speech(0.3 + chance.random()), room(0.3 + 2 * chance.random())]) for _ in range(6)]
    sound = np.concatenate([room(1), *words])
    studio.hear(sound)
    for _ in range(5):
        studio.run(len(sound) / 16_000 / 5)
        if chance.random() < 0.4:
            studio.worker.takes = chance.choice([0.01, 0.1, 0.3])
        if chance.random() < 0.2:
            studio.show(portraits[1])
    path = studio.close()
    check(studio, again(path, preview))
    events = list(ReplayFile(path).events())
    hops = {event.window.hop for event in events if isinstance(event, Submitted)}
    assert preview.info.silence_hop in hops
    assert sum(isinstance(event, Rewound) for event in events) >= 2


def test_of_two_windows_of_one_block_the_one_that_was_made_is_made_again(
    detector: SpeechDetector, tmp_path: Path, speech: Speech, portraits: Portraits, preview: Generator
) -> None:
    """The engine is at a window of silence when that is taken back, and makes it for nobody."""
    studio = Studio(tmp_path, preview, takes=0.15, detect=detector, latency="throughput")
    studio.show(portraits[0])
    studio.run(2)
    studio.hear(np.concatenate([np.concatenate([room(0.9), speech(0.6)]) for _ in range(6)]))
    studio.run(8.5)
    path = studio.close()
    check(studio, again(path, preview))


def test_a_quiet_call_takes_no_more_room_than_its_sound(
    detector: SpeechDetector, tmp_path: Path, portraits: Portraits, preview: Generator
) -> None:
    """What the engine hears is silence, and takes next to nothing beside what the viewers hear."""
    sizes = []
    for folder, detect in (("without", None), ("with", detector)):
        studio = Studio(tmp_path / folder, preview, detect=detect)
        studio.show(portraits[0])
        studio.run(0.5)
        studio.hear(room(SECONDS))
        studio.run(SECONDS)
        path = studio.close()
        sizes.append(path.stat().st_size)
    assert sizes[1] < 1.03 * sizes[0]
    told = {
        event.k: event.pcm for event in ReplayFile(path).events() if isinstance(event, Sent) and event.k is not None
    }
    heard = np.concatenate([told[k] for k in range((SECONDS - 2) * FPS)])
    assert np.abs(heard - room(SECONDS)[: len(heard)]).max() < 1e-4
    made = [event for event in ReplayFile(path).events() if isinstance(event, Made)]
    assert len(made) < SECONDS * FPS / preview.info.silence_hop + 20
