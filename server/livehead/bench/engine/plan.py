"""What ``livehead bench engine`` is to measure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """``hops`` empty stands for the largest one; ``tiny`` is a small random model that runs on any machine;
    ``size`` is in pixels, ``memory`` in GB, ``windows`` how many are timed for each
    batch and hop."""

    engine: Literal["flashhead", "preview"] = "flashhead"
    variant: Literal["lite", "pro"] = "lite"
    batches: tuple[int, ...] = (1, 2, 4, 8)
    hops: tuple[int, ...] = ()
    synthetic: bool = False
    tiny: bool = False
    device: str = "cuda"
    dtype: str = "bfloat16"
    models: Path = Path("models")
    size: int = 512
    attention: str = "auto"
    precision: str = "exact"
    memory: float | None = None
    windows: int = 30
