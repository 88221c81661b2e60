"""Before the first session: kernels are compiled and chosen, and on CUDA the stages are recorded as graphs."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import BLOCK_SAMPLES
from livehead.engine.base import Frames, GeneratorInfo, Work
from livehead.engine.flashhead.graphed_stages import GraphedStages
from livehead.engine.flashhead.graphs import Graphs
from livehead.engine.flashhead.receptive_range import decoded_range, recorded_hop_groups
from livehead.engine.flashhead.stream import FlashHeadStream
from livehead.engine.flashhead.weights.config import Variant
from livehead.errors import EngineError

log = logging.getLogger(__name__)

GRAPHED_BATCHES: Mapping[Variant, tuple[int, ...]] = {"lite": (1, 4), "pro": (1,)}
"""Batch sizes recorded as CUDA graphs; other batches are composed of them. A window of Lite takes 10 % less time in a
batch of four; one window of Pro fills a device by itself. Each size takes seconds to record."""


class Engine(Protocol):
    """What warming up calls of the generator."""

    @property
    def info(self) -> GeneratorInfo: ...

    def open(self, portrait: NDArray[np.uint8], seed: int = 0) -> FlashHeadStream: ...

    def step(self, work: Sequence[Work]) -> list[Frames]: ...

    def close(self, stream: FlashHeadStream) -> None: ...


def warm_up(engine: Engine, graphed: GraphedStages) -> tuple[int, ...]:
    """Make a window of each kind, twice on CUDA, where the second one is recorded at each batch size.

    Returns the recorded batch sizes, smallest first. Sizes that do not fit in memory are left out; raises EngineError
    if not even one stream fits.
    """
    model = graphed.stages.model
    on_device = model.device.type == "cuda"
    possible = [size for size in GRAPHED_BATCHES[model.config.variant] if size <= engine.info.max_batch]
    sizes = possible if on_device else [1]
    groups = recorded_hop_groups(model.geometry, {preset.hop for preset in engine.info.presets.values()})
    graphed.decoded_ranges = [decoded_range(model.geometry, group) for group in groups]
    graphed.graphs = Graphs() if on_device else None
    streams = [engine.open(np.full((64, 64, 3), 128, np.uint8), seed=0) for _ in range(sizes[-1])]
    for size in sizes:
        graphed.batch_sizes = (size, *graphed.batch_sizes) if on_device else ()
        try:
            for group in groups:
                _record(engine, graphed.graphs, streams[:size], max(group))
        except EngineError:
            if size == 1:
                raise
            log.warning("no memory for batches of %d: they are composed of smaller ones", size)
            graphed.batch_sizes = graphed.batch_sizes[1:]
            break
    for stream in streams:
        engine.close(stream)
    return graphed.batch_sizes[::-1]


def _record(engine: Engine, graphs: Graphs | None, streams: Sequence[FlashHeadStream], hop: int) -> None:
    work = [Work(stream, np.zeros(hop * BLOCK_SAMPLES, np.float32), hop) for stream in streams]
    engine.step(work)
    if graphs is not None:
        with graphs.recording():
            engine.step(work)
