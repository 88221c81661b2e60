"""CUDA graphs, kept in this one place.

A stage of thousands of small launches is recorded once per batch size and then launched as one. A graph always reads
and writes the same memory: its inputs are copied there, unless they are already another graph's outputs.

All graphs work in one pool of memory. The stages of a chain hand each other their outputs; chains run one after the
other, so each one's memory is the others' too, and the pool is as large as the largest chain. The outputs of a chain
are valid until a stage of another chain runs.
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
        self._chain = ""
        self._held: list[_Graph] = []
        """Graphs of the chain that is being recorded: what they have put out is kept until its last one is."""

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record every stage that runs inside and is not recorded yet. It must have run with the same shapes before, so
        that nothing is compiled, chosen or loaded during the recording. After an error none of them is recorded."""
        before = set(self._graphs)
        self._recording = True
        try:
            yield
        except BaseException:
            self._held.clear()
            for key in self._graphs.keys() - before:
                del self._graphs[key]
            raise
        finally:
            self._recording = False
        self._share_memory()

    def run(self, chain: str, name: str, stage: Callable[..., Any], *inputs: Any) -> Any:
        """Replay the stage's graph for inputs of these shapes, or run the stage directly if there is none."""
        tensors = _tensors(inputs)
        key = (name, *(tensor.shape for tensor in tensors))
        graph = self._graphs.get(key)
        if graph is None:
            if not self._recording:
                return stage(*inputs)
            if chain != self._chain:
                self._share_memory()
                self._chain = chain
            graph = self._graphs[key] = _Graph(stage, inputs, self._outputs(), self._pool)
            self._held.append(graph)
        return graph(tensors)

    def _outputs(self) -> set[int]:
        return {id(tensor) for graph in self._graphs.values() for tensor in _tensors(graph.outputs)}

    def _share_memory(self) -> None:
        """The chain is recorded: give its outputs' memory back to the pool, for the next chain."""
        views: dict[int, Tensor] = {}
        for graph in self._held:
            graph.let_go(views)
        self._held.clear()


class _Graph:
    def __init__(self, stage: Callable[..., Any], inputs: Any, shared: set[int], pool: Any) -> None:
        placed = _placed(inputs, shared)
        self.inputs = _tensors(placed)
        self._own = {id(tensor) for tensor in self.inputs} - shared
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

    def let_go(self, views: dict[int, Tensor]) -> None:
        """Keep only the addresses of what the pool holds: outputs, and inputs that are other graphs' outputs. ``views``
        has those of the graphs before it, by the tensors' ids, and is given this one's."""
        self.inputs = [views.get(id(tensor), tensor) for tensor in self.inputs]

        def view(tensor: Tensor) -> Tensor:
            if id(tensor) in self._own:
                return tensor
            return views.setdefault(id(tensor), _view(tensor))

        self.outputs = _mapped(self.outputs, view)


class _Address:
    """Memory by its address alone (the CUDA array interface): whoever reads it owns nothing."""

    def __init__(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        self.__cuda_array_interface__ = {
            "shape": (storage.nbytes(),),
            "typestr": "|u1",
            "data": (storage.data_ptr(), False),
            "version": 2,
        }


def _view(tensor: Tensor) -> Tensor:
    """The same memory, which may be given to others meanwhile."""
    whole = torch.as_tensor(_Address(tensor), device=tensor.device).view(tensor.dtype)
    return whole.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())


def _tensors(value: Any) -> list[Tensor]:
    """All tensors in a tensor, None, or nested tuples of these."""
    if isinstance(value, tuple):
        return [tensor for item in value for tensor in _tensors(item)]
    return [] if value is None else [value]


def _mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same structure, with every tensor changed."""
    if isinstance(value, tuple):
        items = [_mapped(item, change) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return None if value is None else change(value)


def _placed(value: Any, shared: set[int]) -> Any:
    """The same structure, with its own memory for every tensor that is not a graph's output."""
    return _mapped(value, lambda tensor: tensor if id(tensor) in shared else tensor.clone())
