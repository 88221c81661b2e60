"""Speech and portraits for sessions that are recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from livehead.avatars import BUILTIN, load_portrait
from livehead.engine.base import Generator
from livehead.engine.preview.generator import create
from livehead.media.audio.file import AudioFile

SPEECH = Path(__file__).parents[1] / "data" / "speech.flac"


@pytest.fixture(scope="session")
def speech() -> Callable[[float], NDArray[np.float32]]:
    """So many seconds of it."""
    with AudioFile(SPEECH) as file:
        once = np.concatenate([piece.pcm for piece in file])

    def spoken(seconds: float) -> NDArray[np.float32]:
        return np.resize(once, round(seconds * 16_000))

    return spoken


@pytest.fixture(scope="session")
def portraits() -> list[NDArray[np.uint8]]:
    return [load_portrait(BUILTIN / f"{name}.png") for name in ("amara", "default", "juno")]


@pytest.fixture(scope="session")
def preview() -> Generator:
    """It keeps rigs; what it makes does not depend on what it made before."""
    return create(size=64)
