"""FlashHeads to measure: with real weights, random ones, or tiny."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from livehead.engine.flashhead.factory import create
from livehead.engine.flashhead.generator import FlashHead
from livehead.engine.flashhead.weights.config import Variant
from livehead.engine.flashhead.weights.synthesize import SyntheticCheckpoint


def build(variant: Variant, *, synthetic: bool, tiny: bool, models: Path, **options: Any) -> FlashHead:
    """A FlashHead: of the given weights, random ones of full size, or tiny random ones. Not warmed up."""
    if tiny:
        with tempfile.TemporaryDirectory() as folder:
            SyntheticCheckpoint((variant,), tiny=True).write(Path(folder))
            return FlashHead.load(folder, variant=variant, **options)
    if synthetic:
        return FlashHead.synthetic(variant=variant, **options)
    return FlashHead.load(models, variant=variant, **options)


def create_tiny(*, variant: Variant, **options: Any) -> FlashHead:
    """The factory of a tiny random FlashHead, for the worker process."""
    with tempfile.TemporaryDirectory() as folder:
        SyntheticCheckpoint((variant,), tiny=True).write(Path(folder))
        return create(**options | {"variant": variant, "models": folder, "synthetic": False})
