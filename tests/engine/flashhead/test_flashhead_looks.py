"""FlashHead is given portraits that hold their background already."""

from __future__ import annotations

import numpy as np
import pytest

from engine.flashhead.conftest import Engines
from livehead.avatars import builtin_avatars, load_portrait
from livehead.engine.base import Backdrop, Work
from livehead.engine.look import looks_of, open_stream


def test_it_draws_the_portrait_as_it_was_composed(tiny_engine: Engines) -> None:
    engine = tiny_engine("lite", 64)
    assert looks_of(engine.info) == ("keep", "colour", "blur", "picture")
    portrait = load_portrait(builtin_avatars()[1].path)
    backdrops = (None, Backdrop("colour", rgb=(10, 200, 30)), Backdrop("blur"))
    made = []
    for backdrop in backdrops:
        stream = open_stream(engine, portrait, 1, backdrop)
        made.append(engine.step([Work(stream, np.zeros(8 * 640, np.float32), 8)], "rgb24")[0])
    assert all(frames.shape == (8, 64, 64, 3) for frames in made)
    assert not np.array_equal(made[0], made[1])
    assert not np.array_equal(made[1], made[2])
    with pytest.raises(ValueError, match="transparent"):
        open_stream(engine, portrait, 1, Backdrop("transparent"))
