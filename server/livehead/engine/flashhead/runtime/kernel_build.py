"""Building the Triton kernels of a whole step at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch

try:
    from triton.runtime._async_compile import AsyncCompileMode
    from triton.runtime.jit import JITFunction
except ImportError:  # no Triton, or one from before 3.4
    JITFunction = AsyncCompileMode = None

MOST_THREADS = 16


@contextmanager
def building_kernels(device: torch.device) -> Iterator[bool]:
    """What is launched inside is built by several threads, and not run: results are of no use, only their shapes are.
    On leaving all kernels are there. One after the other they take half a minute of a start without caches.

    Yields False, and changes nothing, where Triton is missing or too old for that.
    """
    if AsyncCompileMode is None:
        yield False
        return
    launch = JITFunction.run
    begun: set[object] = set()

    def build(self: Any, *args: Any, grid: Any, warmup: bool, **options: Any) -> Any:
        # A step launches most kernels hundreds of times, and Triton takes a millisecond to see that one is under way.
        wanted = (self, *map(_kind, args), *((name, _kind(value)) for name, value in options.items()))
        if wanted in begun:
            return None
        begun.add(wanted)
        return launch(self, *args, grid=grid, warmup=True, **options)

    with _Builders(device) as builders:
        JITFunction.run = build
        try:
            with AsyncCompileMode(builders, ignore_errors=True):  # whoever launches what cannot be built is told
                yield True
        finally:
            JITFunction.run = launch


class _Builders(ThreadPoolExecutor):
    def __init__(self, device: torch.device) -> None:
        threads = min(MOST_THREADS, os.cpu_count() or 1)
        super().__init__(threads, "build", torch.cuda.set_device, (device.index or 0,))

    def submit(self, compile: Callable[..., Any], /, *_: Any, **__: Any) -> Future[Any]:
        return super().submit(lambda: _loaded(compile()))


def _loaded(kernel: Any) -> Any:
    """A compiled kernel, on the device and with its launcher, which a C compiler makes at the first launch."""
    assert kernel.run
    return kernel


def _kind(argument: Any) -> object:
    """What a kernel is built for, of an argument: other values may need another one."""
    if isinstance(argument, torch.Tensor):
        return argument.dtype, argument.data_ptr() % 16
    try:
        hash(argument)
    except TypeError:
        return object()  # like no other
    return type(argument), argument
