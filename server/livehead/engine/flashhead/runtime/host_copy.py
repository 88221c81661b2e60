"""Pictures to the host: through pinned memory, on a stream beside the one that computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class HostCopy:
    """Copies started one by one and waited for together, while the device goes on computing."""

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._running: list[Tensor] = []

    @contextmanager
    def beside(self) -> Iterator[None]:
        """What is put to the device meanwhile runs after what the current stream has got so far, and beside
        what it gets next."""
        if self._stream is None:
            yield
            return
        self._stream.wait_stream(torch.cuda.current_stream(self._stream.device))
        with torch.cuda.stream(self._stream):
            yield

    def start(self, tensor: Tensor) -> Tensor:
        """Within :meth:`beside`: begin a copy. The result is valid after :meth:`wait`."""
        if self._stream is None:
            return tensor.clone()
        self._running.append(tensor)  # its memory must not be used again before it is read
        return torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True).copy_(tensor, non_blocking=True)

    def wait(self) -> None:
        """Wait for the copies, and for nothing after them."""
        if self._stream is not None:
            self._stream.synchronize()
        self._running.clear()
