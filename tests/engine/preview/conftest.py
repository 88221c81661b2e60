"""Portraits and synthetic speech for the tests of the preview engine."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import livehead
from livehead.engine.preview.generator import PreviewGenerator, create

PORTRAITS = sorted((Path(livehead.__file__).parent / "portraits").glob("*.png"))


def read(path: Path) -> np.ndarray:
    frame = cv2.imread(str(path))
    assert frame is not None, path
    return np.ascontiguousarray(frame[:, :, ::-1])


@pytest.fixture(scope="session", params=PORTRAITS, ids=[path.stem for path in PORTRAITS])
def each_portrait(request: pytest.FixtureRequest) -> np.ndarray:
    return read(request.param)


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    return read(next(path for path in PORTRAITS if path.stem == "default"))


@pytest.fixture(scope="session")
def generator() -> PreviewGenerator:
    return create(size=512)
