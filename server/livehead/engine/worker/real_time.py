"""A generator that this machine can run in real time, of those that a spec allows."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from dataclasses import dataclass

from livehead.core.block import BLOCK_S
from livehead.engine.base import EngineSpec, Generator, GeneratorInfo
from livehead.engine.capacity.model import MARGIN
from livehead.engine.capacity.profile import Profile
from livehead.engine.factory import make

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Made:
    """``spec`` is what it was really made of, ``why`` says in words why not of what was asked for first."""

    generator: Generator
    profile: Profile
    spec: EngineSpec
    why: str = ""


def make_in_real_time(spec: EngineSpec, measure: Callable[[Generator], Profile]) -> Made:
    """Of the spec's options and its alternatives the first with which one stream is in real time at the preset that
    leaves most time, or the last. Blocks: models load."""
    why = ""
    left = [spec.options, *({**spec.options, **other} for other in spec.alternatives)]
    while True:
        taken = EngineSpec(spec.factory, left.pop(0))
        generator = make(taken)
        profile = measure(generator)
        excess = too_slow(generator.info, profile)
        if not excess or not left:
            break
        why = excess
        logger.warning("%s; trying smaller frames", excess)
        del generator
        gc.collect()  # its device memory is needed for the next one
    info = generator.info
    if why:
        why = f"{info.width} × {info.height}, since {why}"
        logger.warning("frames are %s", why)
    if excess:
        logger.warning("%s: pictures come late. A faster device, or --size below %d, helps", excess, info.height)
    return Made(generator, profile, taken, why)


def too_slow(info: GeneratorInfo, profile: Profile) -> str:
    """What takes too long for one stream in real time, empty where there is a preset for it."""
    alone = {
        preset.hop: step.p50
        for name, preset in info.presets.items()
        for step in profile.steps.get(name, ())
        if step.batch == 1
    }
    if not alone or any(seconds <= MARGIN * hop * BLOCK_S for hop, seconds in alone.items()):
        return ""
    hop = max(alone)
    return (
        f"{info.width} × {info.height} takes {alone[hop]:.2f} s for {hop * BLOCK_S:.2f} s of pictures on {info.device}"
    )
