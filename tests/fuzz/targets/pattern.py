"""The test pattern in a luma plane: no plane breaks its reader, and what is drawn is read."""

from __future__ import annotations

import random

import numpy as np

from fuzz.mutators import change_bytes
from fuzz.target import Target
from livehead.core.frame import Frame
from livehead.core.test_pattern import CELLS, ROWS, Reading, draw, loudness, read

WIDTHS = (32, 34, 48, 64, 66, 98, 512)


def run(data: bytes) -> None:
    """The first byte chooses the width; the others are the plane's."""
    if len(data) < 4:
        return
    width = WIDTHS[data[0] % len(WIDTHS)] if data[0] < 250 else data[0] - 249
    plane = np.frombuffer(data[3:], np.uint8)
    height = len(plane) // width
    luma = plane[: height * width].reshape(height, width)
    found = read(luma)
    if found is not None:
        assert 0 <= found.k < 1 << 16
        assert 0 <= found.loudness <= 15
    samples = np.frombuffer(data[: len(data) // 4 * 4], np.float32)
    with np.errstate(all="ignore"):
        level = loudness(samples)
    assert 0 <= level <= 15
    even = min(height // 3 * 2, 64) // 2 * 2
    if width % 2 == 0 and width >= CELLS and even >= ROWS:
        frame = Frame(luma[: even * 3 // 2].copy())
        k = int.from_bytes(data[1:3], "big")
        drawn = draw(frame, k, level)
        assert read(drawn.i420[:even]) == Reading(k, level)
        assert (drawn.i420[: even - ROWS] == frame.i420[: even - ROWS]).all(), (
            "more than the bottom rows was drawn over"
        )


def _drawn(width: int, k: int) -> bytes:
    frame = draw(Frame(np.full((48, width), 100, np.uint8)), k, 9)
    return bytes([WIDTHS.index(width), 1, 2]) + frame.i420[:32].tobytes()


def _mutate(data: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        return data[:1] + bytes(chance.choice((16, 235)) for _ in range(32)) * chance.choice((8, 17, 40)) + data[3:]
    return change_bytes(data, chance)


TARGET = Target("pattern", run, (_drawn(32, 7), _drawn(64, 65535), _drawn(98, 1)), _mutate, 512 * 48, (4000, 1.0))
