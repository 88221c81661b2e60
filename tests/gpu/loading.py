"""Load FlashHead once, from files in the page cache, and print how long it took and what memory it took, as JSON.

    python tests/gpu/loading.py --models DIR [--variant lite] [--device cuda] [--size 512]

A process of its own, since the kernel counts the peak of a process from its start.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import get_args

import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "server"))

from livehead.engine.flashhead.generator import FlashHead
from livehead.engine.flashhead.weights.config import Variant
from livehead.engine.flashhead.weights.layout import Layout

RESET_PEAK = "5"
"""Written to clear_refs, this makes VmHWM begin again at VmRSS (proc(5))."""


def memory_mb() -> tuple[float, float]:
    """Resident memory now, and its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("VmRSS", "VmHWM"))}
    return int(fields["VmRSS"]) / 1000 * 1.024, int(fields["VmHWM"]) / 1000 * 1.024


def tensors_mb(path: Path) -> list[float]:
    """The sizes of a safetensors file's tensors."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    spans = (entry["data_offsets"] for name, entry in header.items() if name != "__metadata__")
    return [(end - begin) / 1e6 for begin, end in spans]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--variant", choices=get_args(Variant), default="lite")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", type=int, default=512)
    args = parser.parse_args()
    layout = Layout(args.models, args.variant)
    files = [path for path in (layout.dit_file, layout.vae_file, layout.audio_file) if path.suffix == ".safetensors"]
    device = torch.device(args.device)
    torch.ones(8, 8, device=device).sum().item()  # the driver's and the libraries' own memory is not the loader's
    with contextlib.suppress(OSError):  # then the peak may be the imports', and more is counted than loading took
        Path("/proc/self/clear_refs").write_text(RESET_PEAK)
    before, _ = memory_mb()
    began = time.perf_counter()
    engine = FlashHead.load(
        args.models,
        variant=args.variant,
        size=args.size,
        device=args.device,
        dtype="bfloat16" if device.type == "cuda" else "float32",
    )
    if device.type == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    _, peak = memory_mb()
    result = {
        "seconds": round(seconds, 2),
        "files_gb": round(sum(path.stat().st_size for path in files) / 1e9, 2),
        "host_before_mb": round(before),
        "host_peak_mb": round(peak),
        "host_growth_mb": round(peak - before),
        "largest_tensor_mb": round(max(size for path in files for size in tensors_mb(path)), 1),
        "device": engine.info.device,
        "device_memory_gb": round(torch.cuda.memory_allocated() / 1e9, 2) if device.type == "cuda" else None,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "python": sys.version.split()[0],
        "details": dict(engine.info.details),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
