"""Windows that shared their steps with others', as on a busy server, are made again to the byte."""

from __future__ import annotations

import random

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the flashhead extra")

from engine.flashhead.material import portrait, voice  # noqa: E402
from livehead.core.windows import Window  # noqa: E402
from livehead.engine.base import Generator, Work  # noqa: E402
from livehead.engine.flashhead.factory import create  # noqa: E402
from livehead.engine.worker.frame_history import FrameHistory  # noqa: E402
from livehead.replay.replayed_stream import ReplayedStream  # noqa: E402

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

HOP, AHEAD = 4, 1
REWINDS = (12, 25)


def engine() -> Generator:
    return create(variant="lite", size=512, device="cuda", synthetic=True, whole=True)


def leave_no_numbers_in_memory() -> None:
    """What is allocated next holds them."""
    parts = [torch.full((size,), torch.nan, device="cuda") for size in (2**28, *[2**18] * 64, *[2**8] * 512)]
    parts.clear()


def test_an_engine_starts_whatever_memory_held() -> None:
    leave_no_numbers_in_memory()
    generator = create(variant="lite", size=256, device="cuda", synthetic=True)
    stream = generator.open(portrait(0), 1)
    (frames,) = generator.step([Work(stream, voice(24), 24)])
    assert len(np.unique(frames)) > 100


def live(generator: Generator) -> list[tuple[Window, int, int, np.ndarray]]:
    """Each window of a stream, the size of its batch, its place there, and its frames."""
    chance = random.Random(1)
    stream, others = generator.open(portrait(0), 7), [generator.open(portrait(n), n) for n in range(1, 9)]
    history, made = FrameHistory(generator.info), []
    for number in range(40):
        batch = min(chance.choice((1, 1, 2, 3, 4, 5, 6, 8)), generator.info.max_batch)
        place = chance.randrange(batch)
        window = Window(number * HOP, HOP, AHEAD, voice(HOP + AHEAD, number))
        work = [Work(other, voice(HOP + AHEAD, 100 + number), HOP) for other in others[: batch - 1]]
        work.insert(place, Work(stream, window.pcm, HOP))
        frames = generator.step(work)[place]
        history.keep(window.k, frames)
        made.append((window, batch, place, frames.copy()))
        if number in REWINDS:
            rewound = history.rewind(window.k + 1)
            assert rewound is not None
            generator.rewind(stream, *rewound)
    return made


def test_windows_that_were_made_in_batches_are_made_again_to_the_byte() -> None:
    made = live(engine())
    generator = engine()
    again = ReplayedStream(generator, lambda: generator.open(portrait(0), 7))
    for number, (window, batch, place, frames) in enumerate(made):
        for frame, before in zip(again.step(window, batch, place), frames, strict=True):
            assert np.array_equal(frame.i420, before), f"window {number} of {len(made)}, in a batch of {batch}"
        if number in REWINDS:
            again.rewind(window.k + 1)
