"""The engine of a session makes it again, to the byte, whatever happened in it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from livehead.core.look import Look
from livehead.engine.base import Backdrop, Generator
from livehead.engine.preview.generator import create
from livehead.errors import MediaError
from livehead.replay.as_live import AsLive
from livehead.replay.events import Made
from livehead.replay.film import replay
from livehead.replay.overview import Overview
from livehead.replay.reader import ReplayFile
from livehead.replay.shot import Shot
from replay.studio import Studio, digest

Speech = Callable[[float], NDArray[np.float32]]
Portraits = list[NDArray[np.uint8]]


def again(path: Path, generator: Generator) -> list[Shot]:
    file = ReplayFile(path)
    return list(AsLive(file, Overview.of(file), generator))


def check(studio: Studio, shots: list[Shot]) -> None:
    """Every tick has its sound and, where the engine made that, its own picture; otherwise the one before."""
    live = {seen.index: seen for seen in studio.seen}
    assert [shot.index for shot in shots] == list(range(shots[0].index, studio.seen[-1].index + 1))
    last = None
    for shot in shots:
        seen = live[shot.index]
        assert np.array_equal(shot.pcm, seen.pcm)
        picture = digest(shot.frame)
        if seen.kind == "fresh":
            assert picture == seen.picture, f"block {seen.k} looks different"
        else:
            own = last if seen.k is None else studio.made.get(seen.k, last)
            assert picture == own or (seen.k in studio.taken_back and picture == last)
        last = picture


def test_a_minute_with_two_interrupts_and_another_portrait(
    tmp_path: Path, speech: Speech, portraits: Portraits
) -> None:
    studio = Studio(tmp_path, create(size=64))
    studio.show(portraits[0])
    studio.run(1)
    studio.hear(speech(59))
    studio.run(20.013)
    studio.pipeline.interrupt()
    studio.run(9)
    studio.show(portraits[1], avatar="two")
    studio.run(10)
    studio.pipeline.interrupt()
    studio.run(20)
    path = studio.close()
    shots = again(path, create(size=64))
    check(studio, shots)
    fresh = sum(seen.kind == "fresh" for seen in studio.seen)
    same = sum(digest(shot.frame) == seen.picture for shot, seen in zip(shots, studio.seen, strict=True))
    assert same >= len(shots) - 1  # before the first frame came there was none to be seen
    assert fresh > 1490
    overview = Overview.of(ReplayFile(path))
    assert (overview.interrupts, overview.avatars) == (2, ["one", "two"])


def live(studio: Studio, chance: random.Random, speech: Speech, portraits: Portraits, pushed: bool) -> None:
    """Half a minute in which everything happens."""
    presets = ("low", "balanced", "throughput")
    studio.show(portraits[0])
    studio.run(0.5)
    if not pushed:
        studio.hear(speech(20))
    for _ in range(12):
        studio.run(2 * chance.random())
        match chance.randrange(8):
            case 0:
                studio.pipeline.interrupt()
            case 1 if pushed:
                studio.push(speech(5 * chance.random() + 0.1))
            case 1 | 2:
                for _ in range(3):
                    studio.pipeline.interrupt()
                    studio.run(0.1 * chance.random())
            case 3:
                studio.set_preset(chance.choice(presets))
            case 4:
                studio.show(chance.choice(portraits))
            case 5:
                studio.restart_worker(chance.random())
            case 6:
                studio.worker.takes = chance.choice([0.01, 0.1, 0.3])
            case 7:
                studio.take_over()
    studio.run(1)


@pytest.mark.parametrize("pushed", [False, True], ids=["microphone", "pushed"])
@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_is_made_again(
    seed: int, pushed: bool, tmp_path: Path, speech: Speech, portraits: Portraits, preview: Generator
) -> None:
    chance = random.Random(f"{seed}{pushed}")
    latency = chance.choice(("low", "balanced", "throughput"))
    studio = Studio(tmp_path, preview, latency=latency, pushed=pushed, takes=chance.choice([0.01, 0.03, 0.08, 0.15]))
    live(studio, chance, speech, portraits, pushed)
    check(studio, again(studio.close(), preview))


def test_windows_that_were_stepped_as_one_are_made_again(
    tmp_path: Path, speech: Speech, portraits: Portraits, preview: Generator
) -> None:
    studio = Studio(tmp_path, preview)
    studio.show(portraits[0])
    studio.worker.merge()
    studio.run(0.5)
    studio.hear(speech(12))
    for _ in range(60):
        studio.worker.stalled = True
        studio.run(0.09)
        studio.worker.stalled = False
        studio.run(0.11)
    made = studio.worker.hops
    path = studio.close()
    assert made[1] > 50
    assert made[2] > 50
    check(studio, again(path, preview))
    events = [event for event in ReplayFile(path).events() if isinstance(event, Made)]
    assert {event.windows for event in events} == {1, 2}
    assert sum(seen.kind == "fresh" for seen in studio.seen) > 250
    assert Overview.of(ReplayFile(path)).given_up <= 2  # those under way at the end
    assert studio.pipeline.attachment is not None
    assert studio.pipeline.attachment.waiting <= 2


@pytest.mark.parametrize("background", ["#204060", "blur", "garden", "transparent"])
def test_a_look_is_made_again(background: str, tmp_path: Path, speech: Speech, portraits: Portraits) -> None:
    generator = create(size=64)
    look = Look(background)
    backdrop = {
        "colour": Backdrop("colour", look.rgb if look.kind == "colour" else None),
        "blur": Backdrop("blur"),
        "picture": Backdrop("picture", picture=portraits[2]),
        "transparent": Backdrop("transparent"),
    }[look.kind]
    studio = Studio(tmp_path, generator)
    studio.show(portraits[0], look=look, backdrop=backdrop)
    studio.run(0.5)
    studio.hear(speech(1.5))
    studio.run(1)
    studio.pipeline.interrupt()
    studio.run(0.5)
    path = studio.close()
    shots = again(path, create(size=64))
    check(studio, shots)
    assert shots[-1].frame.height == (128 if background == "transparent" else 64)
    replay(path, tmp_path / "a.mp4", generator=generator)
    with av.open(str(tmp_path / "a.mp4")) as film:
        assert (film.streams.video[0].height, film.streams.video[0].frames) == (64, len(shots))


def test_an_engine_that_is_restarted(tmp_path: Path, speech: Speech, portraits: Portraits, preview: Generator) -> None:
    studio = Studio(tmp_path, preview)
    studio.show(portraits[0])
    studio.run(0.5)
    studio.hear(speech(6))
    studio.run(2)
    studio.restart_worker(1.0)
    studio.run(4)
    path = studio.close()
    check(studio, again(path, preview))
    assert Overview.of(ReplayFile(path)).reopened == 1
    assert sum(seen.kind == "repeat" for seen in studio.seen) > 20  # while there was no worker


def test_a_worker_that_takes_over_and_one_after_it(
    tmp_path: Path, speech: Speech, portraits: Portraits, preview: Generator
) -> None:
    studio = Studio(tmp_path, preview)
    studio.show(portraits[0])
    studio.run(0.5)
    studio.hear(speech(6))
    studio.run(2.013)
    studio.take_over()
    studio.run(1)
    studio.pipeline.interrupt()
    studio.take_over()
    studio.run(0.05)
    studio.pipeline.interrupt()  # back to what the worker before has made
    studio.run(3)
    path = studio.close()
    check(studio, again(path, preview))
    assert Overview.of(ReplayFile(path)).reopened == 2
    assert sum(seen.kind == "repeat" for seen in studio.seen) < 8


def test_a_frame_that_came_too_late_is_in_its_place(
    tmp_path: Path, speech: Speech, portraits: Portraits, preview: Generator
) -> None:
    studio = Studio(tmp_path, preview)
    studio.show(portraits[0])
    studio.run(0.5)
    studio.hear(speech(4))
    studio.run(2)
    studio.worker.takes = 0.35  # more than the preset allows
    studio.run(2)
    shots = again(studio.close(), preview)
    check(studio, shots)
    late = [seen for seen in studio.seen if seen.kind == "repeat" and seen.k in studio.made]
    pictures = {shot.index: digest(shot.frame) for shot in shots}
    assert len(late) > 20
    assert all(pictures[seen.index] == studio.made[seen.k] for seen in late)


def test_a_file_that_was_cut_off_is_replayed_up_to_there(
    tmp_path: Path, speech: Speech, portraits: Portraits, preview: Generator
) -> None:
    studio = Studio(tmp_path / "a", preview)
    studio.show(portraits[0])
    studio.run(0.5)
    studio.hear(speech(6))
    studio.run(6)
    path = studio.close()
    whole = [digest(shot.frame) for shot in again(path, preview)]
    data = path.read_bytes()
    lengths = []
    for length in sorted(random.Random(1).sample(range(len(data)), 12)):
        path.write_bytes(data[:length])
        try:
            shots = again(path, preview)
        except MediaError:  # before the first frame
            continue
        lengths.append(len(shots))
        assert [digest(shot.frame) for shot in shots] == whole[: len(shots)]
        assert ReplayFile(path).end is None
    assert lengths == sorted(lengths)
    assert max(lengths) > 60
