"""How a step's times are distributed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def spread(times: Sequence[float]) -> dict[str, float]:
    """``p50``, ``p95`` and ``max``, in the unit of ``times``."""
    return {"p50": float(np.percentile(times, 50)), "p95": float(np.percentile(times, 95)), "max": max(times)}
