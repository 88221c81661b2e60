"""Which engine to run: what was asked for, or what this machine can do."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from livehead.engine.base import EngineSpec
from livehead.engine.cuda_driver import cuda_devices
from livehead.engine.memory_needs import SIZES, fitting, why_not
from livehead.errors import EngineError
from livehead.models.pins import of_variants, read_pins
from livehead.models.places import models_folder
from livehead.settings import EngineSettings

PREVIEW = "livehead.engine.preview.generator:create"
FLASHHEAD = "livehead.engine.flashhead.factory:create"


@dataclass(frozen=True, slots=True)
class Choice:
    """``reason`` says in words why this engine was taken."""

    name: str
    variant: str | None
    spec: EngineSpec
    reason: str


def choose(settings: EngineSettings) -> Choice:
    """Pick the engine. Raises EngineError where flashhead was asked for and cannot run."""
    if settings.engine == "preview":
        return _preview(settings, "as asked")
    missing = _missing_for_flashhead(settings)
    if settings.engine == "auto" and not settings.device.startswith("cuda"):
        missing.append(f"it is far from real time on {settings.device} (--engine flashhead takes it all the same)")
    if not missing:
        return _flashhead(settings, "as asked" if settings.engine == "flashhead" else "CUDA and the weights are there")
    if settings.engine == "flashhead":
        raise EngineError(
            f"The flashhead engine cannot run here: {'; '.join(missing)}. Use --engine preview meanwhile."
        )
    return _preview(settings, f"no flashhead: {missing[0]}")


def _preview(settings: EngineSettings, reason: str) -> Choice:
    return Choice("preview", None, EngineSpec(PREVIEW, {"size": settings.size}), reason)


def _flashhead(settings: EngineSettings, reason: str) -> Choice:
    size, *smaller = _sizes(settings)
    options = {
        "models": str(models_folder(settings)),
        "variant": settings.variant,
        "size": size,
        "device": settings.device,
        "attention": settings.attention,
        "precision": settings.precision,
        "memory": settings.memory,
    }
    alternatives = tuple({"size": other} for other in smaller)
    return Choice("flashhead", settings.variant, EngineSpec(FLASHHEAD, options, alternatives), reason)


def _sizes(settings: EngineSettings) -> list[int]:
    """The size to take, and those to take instead where the device is too slow for it. Whoever asks for a size gets
    that one."""
    if "size" in settings.model_fields_set or not settings.device.startswith("cuda"):
        return [settings.size]
    return list(SIZES) if settings.memory is None else fitting(settings.variant, settings.memory) or [settings.size]


def _missing_for_flashhead(settings: EngineSettings) -> list[str]:
    """What stands in the way, each with its cure. Never imports torch: that is the worker's."""
    missing = []
    if importlib.util.find_spec(FLASHHEAD.partition(":")[0]) is None:
        missing.append("this version does not have it yet")
    if importlib.util.find_spec("torch") is None:
        missing.append("PyTorch is not installed (pip install 'livehead[flashhead]')")
    if settings.device.startswith("cuda") and not cuda_devices():
        missing.append("there is no CUDA device (or its driver does not answer)")
    if settings.memory is not None and (reason := why_not(settings.variant, _sizes(settings)[0], settings.memory)):
        missing.append(reason)
    needed = of_variants(read_pins(), [settings.variant])
    folder = models_folder(settings)
    absent = [pin.local for pin in needed if not (folder / pin.local).is_file()]
    if absent:
        missing.append(f"{folder} lacks {absent[0]} (livehead models download {settings.variant})")
    return missing
