"""The CUDA driver, asked by itself: nobody has to import torch to know whether there is a GPU."""

from __future__ import annotations

import ctypes


def cuda_devices() -> int:
    """How many devices the driver sees (cuInit, cuDeviceGetCount)."""
    driver = _driver()
    count = ctypes.c_int(0)
    if driver is None or driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def cuda_version() -> int | None:
    """The newest CUDA that the driver knows, 1000 · major + 10 · minor (cuDriverGetVersion)."""
    driver = _driver()
    version = ctypes.c_int(0)
    if driver is None or driver.cuDriverGetVersion(ctypes.byref(version)) != 0:
        return None
    return version.value


def _driver() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
