"""Portraits that no generator has seen before."""

from __future__ import annotations

import threading

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.avatars import BUILTIN
from livehead.errors import LiveheadError

DARKEST = 0.75


class TintedPortraits:
    """The built-in portrait, in a new tint each time. Thread-safe."""

    def __init__(self, seed: int) -> None:
        """Reads a file. Raises LiveheadError if it cannot be read."""
        path = BUILTIN / "default.png"
        frame = cv2.imread(str(path))
        if frame is None:
            raise LiveheadError(f"{path} cannot be read. Install Livehead again.")
        self._frame = frame[..., ::-1].astype(np.float32)
        self._chance = np.random.default_rng(seed)
        self._lock = threading.Lock()

    def next(self) -> NDArray[np.uint8]:
        """uint8 (H, W, 3) RGB."""
        with self._lock:
            tint = self._chance.uniform(DARKEST, 1.0, 3).astype(np.float32)
        return (self._frame * tint).astype(np.uint8)
