"""Which attention kernel FlashHead takes, whether an installed FlashAttention can be loaded, and which wheel fits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from livehead.doctor.environment import Environment
from livehead.doctor.finding import Finding, fail, ok, warn
from livehead.settings import Settings
from livehead.vendor.interpreter import Interpreter
from livehead.vendor.sources import read_sources
from livehead.vendor.wheels import NoWheelError, find_wheel, read_wheels


def check_attention(found: dict[str, Any], settings: Settings, environment: Environment) -> Iterator[Finding]:
    """``found`` is what PyTorch said (Environment.survey)."""
    asked = settings.engine.attention
    version = environment.version("flash-attn")
    fault = found.get("flash_attn")
    fitting = _fitting(found, environment)
    said = f"auto selects {found['chosen']}; available: {', '.join(found['attention'])}"
    if version is not None and fault:
        mismatch = "undefined symbol" in fault or "cannot open shared object" in fault
        why = "it was built for another torch, CUDA or C++ ABI" if mismatch else fault
        cure = _instead(fitting, settings)
        made = fail if asked == "fa2" else warn
        yield made("attention", f"flash-attn {version} cannot be loaded: {why}; {said}", cure)
    elif asked not in ("auto", *found["attention"]):
        cure = _instead(fitting, settings) if asked == "fa2" and version is None else "Serve with --attention auto."
        yield fail("attention", f"--attention {asked} cannot run here; {said}", cure)
    elif version is None and not isinstance(fitting, NoWheelError):
        yield ok("attention", f"{said}; a faster one that fits: livehead vendor fetch wheel")
    else:
        yield ok("attention", said)


def _fitting(found: dict[str, Any], environment: Environment) -> str | NoWheelError:
    """The name of the wheel that fits, or why there is none."""
    here = environment.python()
    interpreter = Interpreter(here.python, here.platform, found["torch"], found["cuda"], found.get("abi"))
    for wheels in read_sources().wheels:
        try:
            return find_wheel(read_wheels(wheels.list), interpreter).name
        except NoWheelError as error:
            return error
    return NoWheelError("no wheels are pinned")


def _instead(fitting: str | NoWheelError, settings: Settings) -> str:
    if isinstance(fitting, NoWheelError):
        return f"pip uninstall flash-attn: {fitting}. FlashHead takes torch's own attention instead."
    path = settings.engine.vendor_dir / fitting
    return f"livehead vendor fetch wheel, then pip install --no-deps --force-reinstall {path}"
