"""A neural network that is carried in the package as a TFLite file and run by OpenCV."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

MODELS = Path(__file__).with_name("models")
"""The folder of the model files. Its README says where each is from."""


class Network:
    """One model, loaded when it is first used. Any thread may call :meth:`run`: calls take turns, because OpenCV's
    networks are not thread-safe. It uses as many threads as ``cv2.setNumThreads`` allows."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._net: Any = None
        self._lock = threading.Lock()

    def run(self, picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The outputs, flat, the largest first, for ``picture``, float32 ``(h, w, 3)`` in the model's own range.

        ``h`` and ``w`` must be what the model was made for.
        """
        batch = np.ascontiguousarray(picture.transpose(2, 0, 1)[None])
        with self._lock:
            if self._net is None:
                self._net = cv2.dnn.readNetFromTFLite(str(MODELS / self._file))
            self._net.setInput(batch)
            outputs = self._net.forward(self._net.getUnconnectedOutLayersNames())
            found = [np.array(output, np.float32).ravel() for output in outputs]
        return sorted(found, key=lambda output: -output.size)


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """From what a network puts out to a likelihood, 0..1."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -80, 80))), np.float32)
