"""The portraits that streams are opened with: fitted ahead of time, encoded once, and remembered."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livehead.engine.flashhead.colour.match import ColourStatistics
from livehead.engine.flashhead.geometry import Geometry
from livehead.engine.flashhead.portrait.fit import fit
from livehead.engine.flashhead.vae.base import Moments

_ENCODED = 32
"""Encoded portraits that are kept; the least recently used one goes first."""

_FITTED = 8
"""Prepared portraits that are kept until they are opened; the oldest goes first, since one may never be opened."""


@dataclass(frozen=True, slots=True)
class EncodedPortrait:
    """What the device keeps of a fitted portrait: its posterior over a window, and its colours."""

    moments: Moments
    colours: ColourStatistics


class PortraitCache:
    """All methods but :meth:`prepare` are called by one thread at a time."""

    def __init__(self, geometry: Geometry) -> None:
        self._size = geometry.height, geometry.width
        self._fitted: OrderedDict[int, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = OrderedDict()
        self._lock = threading.Lock()
        self._encoded: OrderedDict[bytes, EncodedPortrait] = OrderedDict()

    def prepare(self, portrait: NDArray[np.uint8]) -> None:
        """Fit uint8 (H, W, 3) ahead of :meth:`fitted` with the same array. Raises PortraitError."""
        fitted = fit(np.asarray(portrait), *self._size)
        with self._lock:
            # By identity: a large image takes longer to hash than to fit. The array is kept, so its id stays its own.
            self._fitted[id(portrait)] = portrait, fitted
            if len(self._fitted) > _FITTED:
                self._fitted.popitem(last=False)

    def fitted(self, portrait: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The fitted portrait, (height, width, 3), prepared or fitted now. Raises PortraitError."""
        with self._lock:
            original, fitted = self._fitted.pop(id(portrait), (None, None))
        if fitted is not None and original is portrait:
            return fitted
        return fit(np.asarray(portrait), *self._size)

    def encoded(
        self, fitted: NDArray[np.uint8], encode: Callable[[NDArray[np.uint8]], EncodedPortrait]
    ) -> EncodedPortrait:
        """What ``encode`` makes of a fitted portrait, from memory if it was encoded before."""
        key = hashlib.blake2b(fitted.tobytes(), digest_size=16).digest()
        portrait = self._encoded.get(key)
        if portrait is None:
            portrait = self._encoded[key] = encode(fitted)
            if len(self._encoded) > _ENCODED:
                self._encoded.popitem(last=False)
        self._encoded.move_to_end(key)
        return portrait
