"""CUDA graphs, kept in this one place.

A stage of thousands of small launches is recorded once per batch size and then launched as one. A graph always reads
and writes the same memory: its inputs are copied there, unless they are already another graph's outputs, and its
outputs are valid until the same graph runs again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


class Graphs:
    """Recorded stages, by name and input shapes. All run on the CUDA stream that they were recorded on."""

    def __init__(self) -> None:
        self._graphs: dict[tuple[object, ...], _Graph] = {}
        self._pool = torch.cuda.graph_pool_handle()
        self._recording = False

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record every stage that runs inside and is not recorded yet. It must have run with the same shapes before, so
        that nothing is compiled, chosen or loaded during the recording."""
        self._recording = True
        try:
            yield
        finally:
            self._recording = False

    def run(self, name: str, stage: Callable[..., Any], *inputs: Any) -> Any:
        """Replay the stage's graph for inputs of these shapes, or run the stage directly if there is none."""
        tensors = _tensors(inputs)
        key = (name, *(tensor.shape for tensor in tensors))
        graph = self._graphs.get(key)
        if graph is None:
            if not self._recording:
                return stage(*inputs)
            graph = self._graphs[key] = _Graph(stage, inputs, self._outputs(), self._pool)
        return graph(tensors)

    def _outputs(self) -> set[int]:
        return {id(tensor) for graph in self._graphs.values() for tensor in _tensors(graph.outputs)}


class _Graph:
    def __init__(self, stage: Callable[..., Any], inputs: Any, shared: set[int], pool: Any) -> None:
        placed = _placed(inputs, shared)
        self.inputs = _tensors(placed)
        self._graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        # thread_local: another thread may allocate during the capture.
        with torch.cuda.graph(self._graph, pool=pool, capture_error_mode="thread_local"):
            self.outputs = stage(*placed)

    def __call__(self, tensors: list[Tensor]) -> Any:
        for own, given in zip(self.inputs, tensors, strict=True):
            if own is not given:
                own.copy_(given, non_blocking=True)
        self._graph.replay()
        return self.outputs


def _tensors(value: Any) -> list[Tensor]:
    """All tensors in a tensor, None, or nested tuples of these."""
    if isinstance(value, tuple):
        return [tensor for item in value for tensor in _tensors(item)]
    return [] if value is None else [value]


def _placed(value: Any, shared: set[int]) -> Any:
    """The same structure, with its own memory for every tensor that is not a graph's output."""
    if isinstance(value, tuple):
        items = [_placed(item, shared) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value if value is None or id(value) in shared else value.clone()
