"""Frames from the device to the host: through pinned memory, on a CUDA stream beside the one that computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class HostCopy:
    """Copies that are started one by one and awaited together, while the device goes on computing."""

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._in_flight: list[Tensor] = []

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Work launched inside runs after what the current CUDA stream has been given so far, and concurrently with
        what it is given next."""
        if self._stream is None:
            yield
            return
        self._stream.wait_stream(torch.cuda.current_stream(self._stream.device))
        with torch.cuda.stream(self._stream):
            yield

    def start(self, tensor: Tensor) -> Tensor:
        """Inside :meth:`beside`: start a copy. The result is valid after :meth:`wait`."""
        if self._stream is None:
            return tensor.clone()
        self._in_flight.append(tensor)  # its memory must not be reused before it has been read
        return torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True).copy_(tensor, non_blocking=True)

    def wait(self) -> None:
        """Wait for the copies, and for nothing that was launched after them."""
        if self._stream is not None:
            self._stream.synchronize()
        self._in_flight.clear()
