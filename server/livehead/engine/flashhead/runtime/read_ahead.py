"""Reading CUDA's libraries from the disk while the weights are still being loaded.

They are loaded at the first product and the first convolution, a gigabyte and more of them, page by page: on a machine
that has just been started that takes seconds.
"""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Iterator
from pathlib import Path

WANTED = ("cublas", "cudnn", "nvrtc")


def read_ahead() -> None:
    """Ask the system to have the libraries in memory soon, in a thread of its own that ends by itself. Does nothing
    where there are none or the system cannot do that."""
    if hasattr(os, "posix_fadvise"):
        threading.Thread(target=_ask, name="read-ahead", daemon=True).start()


def _ask() -> None:
    for path in _libraries():
        try:
            file = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        try:
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_WILLNEED)
        finally:
            os.close(file)


def _libraries() -> Iterator[Path]:
    """Where the wheels of PyTorch put them."""
    spec = importlib.util.find_spec("nvidia")
    for folder in spec.submodule_search_locations or () if spec else ():
        for path in Path(folder).glob("*/lib/lib*.so*"):
            if any(name in path.name for name in WANTED):
                yield path
