"""The tests' generator with faults that are ordered while it runs: each is a file in a folder.

A test puts an order into the folder, :class:`Orders`, and the generator, which is in the worker's process, looks there
before every step. Some orders are taken: the file is gone when the fault has begun, and the next worker is well. Others
hold until they are taken back.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fakes import FakeGenerator, FakeStream
from livehead.engine.base import Frames, PixelFormat, SpoiltError, Work

Order: TypeAlias = Literal[
    # taken
    "hang",  # the step never ends
    "lost",  # this step and all after it raise what CUDA raises for a lost device
    "nan",  # the stream with this seed has no numbers from now on, until it is rewound or opened anew
    "shape",  # the stream with this seed is given frames of another size, once
    "dtype",  # the stream with this seed is given frames of floating-point numbers out of range, once
    "rubbish",  # bytes on the pipe to the server that are no message
    "half",  # half a message on that pipe, and no more
    # until taken back
    "slow",  # every stream in a step takes so many seconds
    "memory",  # a step raises what CUDA raises for want of memory, with so many streams or more
    "die",  # a step with the stream of this seed ends the process
    "broken",  # a step with the stream of this seed raises
    "full",  # there is no shared memory
    "unloadable",  # the generator cannot be made
]


class OutOfMemoryError(RuntimeError):
    """As of torch.cuda: a RuntimeError."""


class Orders:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def give(self, order: Order, about: float = 0) -> None:
        new = self.folder / f".{order}"
        new.write_text(str(about))
        new.rename(self.folder / order)

    def take_back(self, order: Order) -> None:
        (self.folder / order).unlink(missing_ok=True)

    def take_all_back(self) -> None:
        for order in self.folder.iterdir():
            order.unlink(missing_ok=True)

    def given(self, order: Order) -> float | None:
        try:
            return float((self.folder / order).read_text())
        except FileNotFoundError:
            return None

    def taken(self, order: Order) -> bool:
        """Whether it was given, and nobody else has taken it."""
        try:
            (self.folder / order).unlink()
        except FileNotFoundError:
            return False
        return True


class FaultyGenerator(FakeGenerator):
    def __init__(self, orders: Orders, **options: Any) -> None:
        super().__init__(**options)
        self._orders = orders
        self._lost = False
        self._spoilt: set[int] = set()

    def check_device(self) -> None:
        if self._lost:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    def step(self, work: Sequence[Work], pixel_format: PixelFormat = "yuv420p") -> list[Frames]:
        orders, seeds = self._orders, [item.stream.seed for item in work]
        if orders.taken("hang"):
            time.sleep(600)
        self._lost = self._lost or orders.taken("lost")
        self.check_device()
        if orders.taken("rubbish"):
            os.write(_pipe(), b"\x00\x00\x00\x20" + b"no message".ljust(32))
        if orders.taken("half"):
            os.write(_pipe(), b"\x00\x00\x20\x00" + b"half a message")
        if orders.given("die") in seeds:
            os._exit(139)
        if orders.given("broken") in seeds:
            raise RuntimeError("told to fail")
        if (most := orders.given("memory")) is not None and len(work) >= most:
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        time.sleep((orders.given("slow") or 0.0) * len(work))
        if (seed := orders.given("nan")) in seeds and orders.taken("nan"):
            self._spoilt.add(int(seed or 0))
        frames = [self._wrong(item.stream, made) for item, made in zip(work, super().step(work), strict=True)]
        if self._spoilt.intersection(seeds):
            some = [None if seed in self._spoilt else made for seed, made in zip(seeds, frames, strict=True)]
            raise SpoiltError("the model's numbers are not finite", some)
        return frames

    def open(self, portrait: NDArray[np.uint8], seed: int) -> FakeStream:
        self._spoilt.discard(seed)
        return super().open(portrait, seed)

    def rewind(self, stream: FakeStream, shown: NDArray[np.uint8], unshown: int) -> None:
        self._spoilt.discard(stream.seed)
        super().rewind(stream, shown, unshown)

    def _wrong(self, stream: FakeStream, made: Frames) -> Any:
        if self._orders.given("shape") == stream.seed and self._orders.taken("shape"):
            return made[:, :-2]
        if self._orders.given("dtype") == stream.seed and self._orders.taken("dtype"):
            return made.astype(np.float32) * 1e6
        return made


def _pipe() -> int:
    """The worker's end of the pipe: livehead.engine.worker.main is told its number."""
    return int(sys.argv[1])


def create(orders: str, **options: Any) -> FaultyGenerator:
    """The factory."""
    given = Orders(Path(orders))
    if given.given("unloadable") is not None:
        raise RuntimeError("no device here")
    if given.given("full") is not None:
        os.posix_fallocate = _no_room  # type: ignore[assignment]
    return FaultyGenerator(given, **options)


def _no_room(*_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
