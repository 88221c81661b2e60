"""The portraits that streams are opened with: fitted beside the steps, looked at once, and remembered."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livehead.engine.flashhead.colour.match import Look
from livehead.engine.flashhead.portrait.fit import fit
from livehead.engine.flashhead.vae.base import Moments
from livehead.engine.flashhead.weights.config import Geometry

_KNOWN = 32
"""Portraits whose posteriors are kept."""

_FITTED = 8
"""Prepared portraits that wait to be opened; one that never is must not stay for ever."""


@dataclass(frozen=True, slots=True)
class Portrait:
    """What the device has of a fitted portrait: the posterior over a window, and its colours."""

    moments: Moments
    look: Look


class Portraits:
    """All methods but :meth:`prepare` are called by one thread at a time."""

    def __init__(self, geometry: Geometry) -> None:
        self._size = geometry.height, geometry.width
        self._fitted: OrderedDict[int, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = OrderedDict()
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, Portrait] = OrderedDict()

    def prepare(self, picture: NDArray[np.uint8]) -> None:
        """Fit uint8 (H, W, 3) ahead of :meth:`fitted` with the same array. Raises PortraitError."""
        fitted = fit(np.asarray(picture), *self._size)
        with self._lock:
            # By identity: a large picture takes longer to hash than to fit. The picture is kept, so its id is its own.
            self._fitted[id(picture)] = picture, fitted
            if len(self._fitted) > _FITTED:
                self._fitted.popitem(last=False)

    def fitted(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture that was prepared, or it is fitted now. Raises PortraitError."""
        with self._lock:
            of, fitted = self._fitted.pop(id(picture), (None, None))
        if fitted is not None and of is picture:
            return fitted
        return fit(np.asarray(picture), *self._size)

    def known(self, fitted: NDArray[np.uint8], look_at: Callable[[NDArray[np.uint8]], Portrait]) -> Portrait:
        """What ``look_at`` makes of a fitted picture, from memory if it was there before."""
        key = hashlib.blake2b(fitted.tobytes(), digest_size=16).digest()
        portrait = self._known.get(key)
        if portrait is None:
            portrait = self._known[key] = look_at(fitted)
            if len(self._known) > _KNOWN:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return portrait
