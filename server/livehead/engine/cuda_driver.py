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


def cuda_memory(device: str) -> tuple[float, float] | None:
    """What is free of the memory of a device (``cuda``, ``cuda:1``), and what it has, in GB (cuMemGetInfo). None for
    any other device, and where the driver does not say. Only for a process that works on the device: it takes the
    device's primary context and keeps it, since making one takes a third of a second."""
    driver = _driver()
    name, _, number = device.partition(":")
    if driver is None or name != "cuda" or not (number or "0").isdecimal() or driver.cuInit(0) != 0:
        return None
    handle, context = ctypes.c_int(0), ctypes.c_void_p()
    if driver.cuDeviceGet(ctypes.byref(handle), int(number or 0)) != 0:
        return None
    if driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), handle) != 0:
        return None
    free, total = ctypes.c_size_t(0), ctypes.c_size_t(0)
    driver.cuCtxPushCurrent_v2(context)
    failed = driver.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(total)) != 0
    driver.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))
    return None if failed else (free.value / 1e9, total.value / 1e9)


def _driver() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
