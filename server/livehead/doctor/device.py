"""CUDA as its driver sees it, and as PyTorch does. PyTorch is asked in a process of its own, with a time-out: a broken
driver can hang or kill the process that asks."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from livehead.doctor.finding import Finding, fail, ok, warn
from livehead.engine.cuda_driver import cuda_devices, cuda_version
from livehead.engine.memory_needs import needed_gb, what_fits
from livehead.errors import EngineError
from livehead.settings import Settings

SURVEY = "livehead.engine.flashhead.runtime.survey"
SURVEY_S = 60.0


def check_device(settings: Settings) -> Iterator[Finding]:
    device = settings.engine.device
    required = settings.engine.engine == "flashhead"
    other = "The preview engine runs on the CPU. For flashhead install an NVIDIA driver, and check it with nvidia-smi."
    count = cuda_devices()
    wants_cuda = device.startswith("cuda")
    if count:
        version = cuda_version()
        known = f", the driver supports CUDA {version // 1000}.{version % 1000 // 10}" if version else ""
        yield ok("driver", f"{count} CUDA device{'s' if count > 1 else ''}{known}")
    elif wants_cuda:
        yield (fail if required else warn)("driver", "no CUDA device was found, or its driver does not answer", other)
    else:
        yield ok("driver", f"no CUDA device; --device {device} needs none")
    if importlib.util.find_spec("torch") is None:
        return  # check_packages reports it
    try:
        found = survey(device if count else "cpu")  # the missing CUDA device is reported already
    except EngineError as error:
        yield (fail if required else warn)("torch", str(error), "pip install --upgrade 'livehead[flashhead]'")
        return
    yield from _torch(found, device if count else "cpu", required)
    if found.get("memory_gb"):
        yield _memory(settings, *found["memory_gb"])


def _torch(found: dict[str, Any], device: str, required: bool) -> Iterator[Finding]:
    built = f"for CUDA {found['cuda']}" if found["cuda"] else "for the CPU only"
    said = f"torch {found['torch']}, built {built}"
    if found["error"]:
        cure = "Choose a device that exists, or install a PyTorch built for the driver's CUDA version or an older one."
        yield (fail if required else warn)("torch", f"{said}: {found['error']}", cure)
        return
    named = "" if found["device"] == device else f"; {device} is {found['device']}"
    yield ok("torch", f"{said}{named}")
    yield ok("attention", f"auto selects {found['chosen']}; available: {', '.join(found['attention'])}")


def _memory(settings: Settings, free: float, total: float) -> Finding:
    """Whether one stream fits on the GPU. What else works there now may be gone later."""
    engine = settings.engine
    allowed = min(free, engine.memory or free)
    said = (
        f"{free:.1f} of {total:.1f} GB are free; {engine.variant} takes {needed_gb(engine.variant, engine.size):.1f} GB"
    )
    said += f" at {engine.size} px"
    if needed_gb(engine.variant, engine.size) <= allowed:
        return ok("GPU memory", said)
    cure = what_fits(engine.variant, engine.size, allowed)
    return warn("GPU memory", said, f"{cure[0].upper()}{cure[1:]}; or end what else uses the GPU.")


def survey(device: str, seconds: float = SURVEY_S) -> dict[str, Any]:
    """What PyTorch says about ``device``. Raises EngineError with the last line of a process that failed."""
    path = os.pathsep.join(each or os.getcwd() for each in sys.path)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", SURVEY, device],
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EngineError(f"PyTorch did not answer within {seconds:.0f} s") from None
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    if done.returncode != 0 or not lines:
        raise EngineError(f"PyTorch cannot be used: {lines[-1] if lines else f'it exited with {done.returncode}'}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found
