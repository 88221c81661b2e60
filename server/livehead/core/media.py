"""The media constants and the block: 40 ms of sound and the one picture that shows it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Samples a second of everything inside the server, mono."""

FPS = 25
"""Pictures a second."""

BLOCK_SAMPLES = SAMPLE_RATE // FPS
"""Samples in a block: 640."""

BLOCK_MS = 1000 // FPS
"""Length of a block in milliseconds: 40."""

BLOCK_S = 1 / FPS
"""Length of a block in seconds: 0.04."""

Pcm = NDArray[np.float32]
"""Mono samples at 16 kHz, float32 in [-1, 1]."""


@dataclass(frozen=True, slots=True)
class Block:
    """Block ``k``: the samples ``[k·640, (k+1)·640)`` of the session's media timeline."""

    k: int
    pcm: Pcm


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture as I420 (BT.601, limited range).

    ``i420`` is uint8 of shape ``(height * 3 // 2, width)``: the Y plane, then U, then V, each
    plane's rows packed one behind the other, which is the layout of libyuv and of
    ``av.VideoFrame.to_ndarray(format="yuv420p")``. Width and height are even. Treat it as read-only.
    """

    i420: NDArray[np.uint8]

    @property
    def width(self) -> int:
        return int(self.i420.shape[1])

    @property
    def height(self) -> int:
        return int(self.i420.shape[0]) * 2 // 3


def new_id() -> str:
    """An unguessable, URL-safe name for a session or a token (96 bits)."""
    return secrets.token_urlsafe(12)
