"""``livehead bench engine``: how fast a generator makes frames here, beside what the machine can do at best."""

from __future__ import annotations

import importlib
from typing import Any

from livehead.bench.engine import preview
from livehead.bench.engine.plan import EnginePlan

FLASHHEAD = "livehead.bench.engine.flashhead.measurement"
"""Imports torch, so it is imported when FlashHead is measured and not before."""


def run(plan: EnginePlan) -> dict[str, Any]:
    """The figures. Raises LiveheadError for a device, weights or a size that is not available, ValueError for a hop
    that the model cannot make."""
    if plan.engine == "preview":
        return preview.measure(plan)
    figures: dict[str, Any] = importlib.import_module(FLASHHEAD).measure(plan)
    return figures
