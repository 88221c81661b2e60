"""The factory that the worker process calls."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import torch

from livehead.engine.flashhead.dit.attention import AttentionName
from livehead.engine.flashhead.generator import FlashHead
from livehead.engine.flashhead.runtime.read_ahead import read_ahead
from livehead.engine.flashhead.warm_up import GRAPHED_BATCHES
from livehead.engine.flashhead.weights.config import Variant
from livehead.models.admission import admit
from livehead.models.pins import of_variants, read_pins

log = logging.getLogger(__name__)


def create(
    *,
    models: str = "models",
    variant: Variant = "lite",
    size: int | tuple[int, int] = 512,
    device: str = "cuda",
    dtype: str | None = None,
    attention: AttentionName = "auto",
    precision: str = "exact",
    max_batch: int | None = None,
    memory: float | None = None,
    whole: bool = False,
    synthetic: bool = False,
    **_: object,
) -> FlashHead:
    """Load a FlashHead and, on CUDA, warm it up for one stream, or as a ``whole``.

    Raises what :meth:`FlashHead.load` raises, and what :func:`~livehead.models.admission.admit` does.
    ``dtype`` is bfloat16 unless given, on the CPU float32. ``max_batch`` is the largest recorded batch unless given:
    more gains nothing, since the frames of a step's first batch would only wait for those of the others.
    """
    if device == "cpu":
        # One core stays with the server: threads that wait for each other on a busy core are many times slower.
        torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
    else:
        read_ahead()
    kind = dtype or ("float32" if device == "cpu" else "bfloat16")
    options: dict[str, Any] = {
        "attention": attention,
        "precision": precision,
        "max_batch": max_batch or GRAPHED_BATCHES[variant][-1],
        "memory": memory,
    }
    if synthetic:
        engine = FlashHead.synthetic(variant=variant, size=size, device=device, dtype=kind, **options)
    else:
        admit(of_variants(read_pins(), [variant]), Path(models))
        engine = FlashHead.load(models, variant=variant, size=size, device=device, dtype=kind, **options)
    if engine.model.device.type == "cuda":
        log.info("warming up")
        if whole:
            engine.warm_up()
        else:
            engine.warm_up_first()
    log.info("%s on %s, %s attention", variant, engine.info.device, engine.info.details["attention"])
    return engine
