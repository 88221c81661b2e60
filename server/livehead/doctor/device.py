"""The card as its driver sees it, and as PyTorch does; the compiler that FlashHead's kernels need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from livehead.doctor.attention import check_attention
from livehead.doctor.environment import Environment
from livehead.doctor.finding import Finding, ok, warn, worse
from livehead.engine.memory_needs import SIZES, needed_gb, what_fits
from livehead.errors import EngineError
from livehead.settings import Settings

TUNING_SMS = 68
"""Below, PyTorch does not tune matrix products (torch._inductor.utils.is_big_gpu)."""

OLDEST_CAPABILITY = (8, 0)
"""Ampere: bfloat16 in hardware."""


def check_driver(settings: Settings, environment: Environment) -> Iterator[Finding]:
    device = settings.engine.device
    count = environment.cuda_devices()
    if count:
        version = environment.cuda_version()
        known = f", the driver supports CUDA {version // 1000}.{version % 1000 // 10}" if version else ""
        yield ok("driver", f"{count} CUDA device{'s' if count > 1 else ''}{known}")
    elif not device.startswith("cuda"):
        yield ok("driver", f"no CUDA device; --device {device} needs none")
    else:
        detail, cure = _why_no_device(environment)
        yield worse(settings.engine.engine == "flashhead")("driver", detail, cure)


def _why_no_device(environment: Environment) -> tuple[str, str]:
    """What is missing, and what to do."""
    container = environment.in_container()
    if environment.find("nvidia-smi") is not None:
        said = environment.run("nvidia-smi", "-L")
        if said.status == 0 and said.output.strip():
            cure = "Install libcuda.so.1 of the driver's version (package libnvidia-compute-…), and see dmesg."
            if container:
                cure = "Start the container with NVIDIA_DRIVER_CAPABILITIES=compute,utility."
            return "nvidia-smi shows a card, but CUDA does not answer", cure
        why = said.last or "it does not end"
        return f"the NVIDIA driver does not answer ({why})", "Restart the machine; or sudo ubuntu-drivers install"
    if container:
        cure = "Start it with --gpus all (compose: --profile gpu), on a host that has an NVIDIA card and its driver."
        return "no CUDA device is in this container", cure
    if environment.nvidia_cards():
        cure = "sudo ubuntu-drivers install, restart, and check it with nvidia-smi."
        return "an NVIDIA card is there, but its driver is not", cure
    least = needed_gb("lite", SIZES[-1])
    cure = f"FlashHead needs an NVIDIA card with {least:.0f} GB or more, Ampere or newer. Preview runs on the CPU."
    return "no NVIDIA card is in this machine", cure


def check_torch(settings: Settings, environment: Environment) -> Iterator[Finding]:
    """Nothing where it is not installed: check_flashhead_packages says that."""
    if not environment.has_module("torch"):
        return
    engine = settings.engine
    worst = worse(engine.engine == "flashhead")
    device = engine.device if environment.cuda_devices() else "cpu"  # the missing device is reported already
    try:
        found = environment.survey(device)
    except EngineError as error:
        yield worst("torch", str(error), "pip install --upgrade 'livehead[flashhead]'")
        return
    yield _torch(found, device, settings)
    if not found["error"]:
        yield from check_attention(found, settings, environment)
    if found.get("memory_gb"):
        yield _memory(settings, *found["memory_gb"])
    yield from _card(found)


def _torch(found: dict[str, Any], device: str, settings: Settings) -> Finding:
    engine = settings.engine
    worst = worse(engine.engine == "flashhead")
    built = f"for CUDA {found['cuda']}" if found["cuda"] else "for the CPU only"
    said = f"torch {found['torch']}, built {built}"
    if found["error"]:
        cure = "Choose a device that exists, or install a PyTorch built for the driver's CUDA version or an older one."
        return worst("torch", f"{said}: {found['error']}", cure)
    if found["cuda"] is None and engine.device.startswith("cuda") and engine.engine != "preview":
        cure = "pip uninstall torch, then pip install torch from PyPI, whose builds for Linux have CUDA."
        return worst("torch", said, cure)
    named = "" if found["device"] == device else f"; {device} is {found['device']}"
    return ok("torch", f"{said}{named}")


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


def _card(found: dict[str, Any]) -> Iterator[Finding]:
    capability = tuple(found.get("capability") or ())
    if capability and capability < OLDEST_CAPABILITY:
        cure = "Use a card of the Ampere generation or newer; it will be slow here."
        yield warn("GPU generation", f"compute capability {capability[0]}.{capability[1]}, without bfloat16", cure)
    sms = found.get("sms")
    if sms and sms < TUNING_SMS:
        yield ok(
            "GPU size",
            f'{sms} multiprocessors. PyTorch may log "Not enough SMs to use max_autotune_gemm mode": harmless, it only '
            f"means that it does not try other matrix products, for which it wants {TUNING_SMS}",
        )


def check_compiler(settings: Settings, environment: Environment) -> Iterator[Finding]:
    """FlashHead builds kernels at its first start on CUDA."""
    if settings.engine.engine == "preview" or not settings.engine.device.startswith("cuda"):
        return
    for name in ("cc", "gcc", "clang"):
        if (path := environment.find(name)) is not None:
            yield ok("compiler", path)
            return
    cure = "sudo apt-get install gcc libc6-dev"
    yield worse(settings.engine.engine == "flashhead")(
        "compiler", "no C compiler, which the kernels of the first start need", cure
    )
