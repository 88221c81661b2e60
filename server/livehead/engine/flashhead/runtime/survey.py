"""What PyTorch finds on this machine, as JSON: ``python -m livehead.engine.flashhead.runtime.survey cuda:0``."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from typing import get_args

import torch

from livehead.engine.flashhead.dit.attention import AttentionName, choose
from livehead.engine.flashhead.runtime.torch_device import device_name, find_device
from livehead.errors import UsageError


def survey(name: str) -> dict[str, object]:
    """``error`` is None if ``name`` is a device that computes; ``attention`` lists the kernels that it can run,
    ``memory_gb`` says what is free of a GPU's memory, and what it has; ``sms`` and ``capability`` are the GPU's.
    ``abi`` is whether torch's C++ ABI is that of C++11, ``flash_attn`` why an installed flash-attn cannot be loaded."""
    found: dict[str, object] = {"torch": torch.__version__, "cuda": torch.version.cuda, "error": None}
    found["abi"] = bool(torch._C._GLIBCXX_USE_CXX11_ABI)
    found["flash_attn"] = flash_attn_fault()
    try:
        device = find_device(name)
        torch.ones(8, 8, device=device).sum().item()
    except (UsageError, RuntimeError) as error:
        return found | {"error": str(error).splitlines()[0]}
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    kernels = []
    for kernel in get_args(AttentionName):
        try:
            choose(kernel, device, dtype)
        except UsageError:
            continue
        kernels.append(kernel)
    kernels.remove("auto")
    if device.type == "cuda":
        found["memory_gb"] = [size / 1e9 for size in torch.cuda.mem_get_info(device)]
        found["sms"] = torch.cuda.get_device_properties(device).multi_processor_count
        found["capability"] = torch.cuda.get_device_capability(device)
    return found | {"device": device_name(device), "chosen": choose("auto", device, dtype).name, "attention": kernels}


def flash_attn_fault() -> str | None:
    """None where it can be loaded, and where it is not installed."""
    if importlib.util.find_spec("flash_attn") is None:
        return None
    try:
        importlib.import_module("flash_attn")
    except (ImportError, OSError) as error:
        return str(error).splitlines()[0]
    return None


if __name__ == "__main__":
    print(json.dumps(survey(sys.argv[1])))
