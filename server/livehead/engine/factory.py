"""Makes the generator that a spec names, in whatever process asks."""

from __future__ import annotations

import importlib

from livehead.engine.base import EngineSpec, Factory, Generator, WarmingUp


def make(spec: EngineSpec) -> Generator:
    """Import ``spec.factory``, ``"package.module:name"``, and call it with ``spec.options``. Blocks: models load."""
    module, _, name = spec.factory.partition(":")
    factory: Factory = getattr(importlib.import_module(module), name)
    return factory(**spec.options)


def warm_up_whole(generator: Generator) -> None:
    """What a generator would leave for later, now: it is as fast then as it will be."""
    while isinstance(generator, WarmingUp) and generator.warm_up_more():
        pass
