"""Hopper's own kernels, where they can run: they are written in Gluon, which is newer than Triton and still changes."""

from __future__ import annotations

import logging
from functools import cache
from types import ModuleType

import torch

log = logging.getLogger(__name__)

_installed: ModuleType | None
try:
    from livehead.engine.flashhead.kernels import int8_hopper

    _installed = int8_hopper
except (ImportError, AttributeError):  # no Triton, or one whose Gluon has other names
    _installed = None


@cache
def int8_kernels(device: torch.device) -> ModuleType | None:
    """The kernels for 8-bit integers, or None on other cards and where they cannot be built, which is logged once."""
    if device.type != "cuda" or torch.cuda.get_device_capability(device)[0] != 9:
        return None
    if _installed is None:
        log.warning("this version of Triton has no Gluon that fits: products of 8-bit integers are slower")
        return None
    x, weight = (torch.ones(rows, 256, dtype=torch.int8, device=device) for rows in (32, 128))
    ones = torch.ones(128, device=device)
    out = torch.zeros(32, 128, dtype=torch.bfloat16, device=device)
    try:
        _installed.linear(x, ones, None, weight, ones, ones, out[0].clone(), out, None)
        torch.cuda.synchronize(device)
    except Exception as error:  # noqa: BLE001 - whatever the compiler raises, Triton's kernels work
        log.warning("Hopper's kernels cannot be built (%s): products of 8-bit integers are slower", error)
        return None
    if not bool((out == 256).all()):
        log.warning("Hopper's kernels compute wrongly with this version of Triton: they are not used")
        return None
    return _installed
