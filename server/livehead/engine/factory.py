"""Makes the generator that a spec names, in whatever process asks."""

from __future__ import annotations

import importlib

from livehead.engine.base import EngineSpec, Factory, Generator


def make(spec: EngineSpec) -> Generator:
    """Import ``spec.factory``, ``"package.module:name"``, and call it with ``spec.options``. Blocks: models load."""
    module, _, name = spec.factory.partition(":")
    factory: Factory = getattr(importlib.import_module(module), name)
    return factory(**spec.options)
