"""Before the first session: kernels are compiled and chosen, and on CUDA the stages are recorded as graphs.

What one stream needs comes first; larger batches, which only make many streams faster, can be recorded later.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from livehead.core.block import BLOCK_SAMPLES
from livehead.engine.base import Frames, GeneratorInfo, SpoiltError, Work
from livehead.engine.flashhead.graphed_stages import GraphedStages
from livehead.engine.flashhead.graphs import Graphs
from livehead.engine.flashhead.kernels import dispatch
from livehead.engine.flashhead.receptive_range import decoded_range, recorded_hop_groups
from livehead.engine.flashhead.runtime.kernel_build import building_kernels
from livehead.engine.flashhead.stream import FlashHeadStream
from livehead.engine.flashhead.weights.config import Variant
from livehead.errors import EngineError

log = logging.getLogger(__name__)

GRAPHED_BATCHES: Mapping[Variant, tuple[int, ...]] = {"lite": (1, 4), "pro": (1,)}
"""Batch sizes recorded as CUDA graphs; other batches are composed of them. A window of Lite takes 10 % less time in a
batch of four; one window of Pro fills a device by itself."""

SMALLER = {4: 2}
"""What is recorded instead of a batch for which there is no memory."""


class Engine(Protocol):
    """What warming up calls of the generator."""

    @property
    def info(self) -> GeneratorInfo: ...

    def open(self, portrait: NDArray[np.uint8], seed: int = 0) -> FlashHeadStream: ...

    def step(self, work: Sequence[Work]) -> list[Frames]: ...

    def close(self, stream: FlashHeadStream) -> None: ...

    def forget_portraits(self) -> None: ...


class WarmUp:
    """Makes windows of each kind, and on CUDA records them."""

    def __init__(self, engine: Engine, graphed: GraphedStages) -> None:
        self._engine = engine
        self._graphed = graphed
        self._device = graphed.stages.model.device
        sizes = GRAPHED_BATCHES[graphed.stages.model.config.variant] if self._device.type == "cuda" else ()
        self._left = [size for size in sizes if 1 < size <= engine.info.max_batch]

    @property
    def left(self) -> bool:
        """Whether there are larger batches to record."""
        return bool(self._left)

    def first(self) -> None:
        """What one stream needs. Raises EngineError if there is no memory for it."""
        graphed, geometry = self._graphed, self._graphed.stages.model.geometry
        groups = recorded_hop_groups(geometry, {preset.hop for preset in self._engine.info.presets.values()})
        graphed.decoded_ranges = [decoded_range(geometry, group) for group in groups]
        hops = [max(group) for group in groups]
        if self._device.type != "cuda":
            self._make(1, hops)
            return
        graphed.graphs = Graphs()
        # Whether they can be built at all is tried first, on the device by the name that tensors have for it.
        dispatch.triton_kernels(torch.empty(0, device=self._device).device)
        with building_kernels(self._device) as built:
            self._make(1, [*hops, *self._engine.info.step_hops], unread=built)
        if not built:
            log.info("Triton builds its kernels one after the other here")
        self._engine.forget_portraits()
        self._make(1, hops)
        self._engine.forget_portraits()  # encoding one is recorded too
        self._record(1, hops)
        self._make(1, self._engine.info.step_hops)  # kernels behind the graphs have the hop's own shape
        graphed.batch_sizes = (1,)

    def more(self) -> bool:
        """Record the next larger batch; False where none is left. One that does not fit in memory is left out, or a
        smaller one takes its place."""
        if not self._left:
            return False
        size = self._left.pop(0)
        hop = self._engine.info.window
        try:
            self._make(size, [hop])
            self._record(size, [hop])
        except EngineError:
            log.warning("no memory for batches of %d: they are composed of smaller ones", size)
            if size in SMALLER:
                self._left.insert(0, SMALLER[size])
            return bool(self._left)
        finally:
            torch.cuda.empty_cache()
        self._graphed.batch_sizes = (size, *self._graphed.batch_sizes)
        return bool(self._left)

    def _make(self, size: int, hops: Sequence[int], *, unread: bool = False) -> None:
        """A window of each hop, stage by stage. On CUDA this chooses and loads what a recording must find there.
        ``unread`` where kernels are only built: frames are what memory held before, finite numbers or not."""
        batch_sizes, self._graphed.batch_sizes = self._graphed.batch_sizes, (size,)
        streams = [self._engine.open(np.full((64, 64, 3), 128, np.uint8), seed=0) for _ in range(size)]
        try:
            for hop in hops:
                work = [Work(stream, np.zeros(hop * BLOCK_SAMPLES, np.float32), hop) for stream in streams]
                with suppress(*([SpoiltError] if unread else [])):
                    self._engine.step(work)
        finally:
            self._graphed.batch_sizes = batch_sizes
            for stream in streams:
                self._engine.close(stream)

    def _record(self, size: int, hops: Sequence[int]) -> None:
        assert self._graphed.graphs is not None
        torch.cuda.empty_cache()
        with self._graphed.graphs.recording():
            self._make(size, hops)
