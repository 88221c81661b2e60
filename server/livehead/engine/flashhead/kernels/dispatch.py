"""The Triton kernels, where they can run.

Every operation that has a kernel is also written in plain torch, next to its caller. The plain version defines what
is computed; it runs on CPUs, and wherever Triton is missing or cannot compile.
"""

from __future__ import annotations

import logging
from functools import cache
from types import ModuleType
from typing import NamedTuple

import torch

log = logging.getLogger(__name__)


class TritonKernels(NamedTuple):
    """The modules with the kernels' launchers, by the part of the model that they belong to."""

    audio_context: ModuleType
    colour: ModuleType
    int8_linear: ModuleType
    norm_act_pad: ModuleType
    quantize: ModuleType
    transformer: ModuleType
    unpatchify: ModuleType
    wav2vec2: ModuleType


_installed: TritonKernels | None
try:
    from livehead.engine.flashhead.kernels import (
        audio_context,
        colour,
        int8_linear,
        norm_act_pad,
        quantize,
        transformer,
        unpatchify,
        wav2vec2,
    )

    _installed = TritonKernels(
        audio_context, colour, int8_linear, norm_act_pad, quantize, transformer, unpatchify, wav2vec2
    )
except ImportError:  # Triton comes with torch for CUDA on Linux only
    _installed = None


@cache
def triton_kernels(device: torch.device) -> TritonKernels | None:
    """The kernels, or None where plain torch has to do: not on CUDA, no Triton, or no C compiler for its first call.

    If the kernels cannot be compiled, this is logged once.
    """
    if device.type != "cuda" or _installed is None:
        return None
    row = torch.ones(1, 16, device=device)
    try:
        _installed.transformer.norm(row, row[0], row[0], 1e-6, torch.float32)
    except Exception as error:  # noqa: BLE001 - whatever the compiler raises, plain torch works
        log.warning("the Triton kernels cannot be built (%s): plain torch is used, which is slower", error)
        return None
    return _installed
