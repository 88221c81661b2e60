"""Timing a generator before it serves: steps with random audio, at each preset and growing batches."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import BLOCK_S, BLOCK_SAMPLES
from livehead.cores import usable_cores
from livehead.engine.base import Generator, GeneratorInfo, Work
from livehead.engine.capacity.model import Silence, StepTime
from livehead.engine.capacity.profile import Profile

CPU_S = 2.0
DEVICE_S = 3.0
"""About how long the timing may take, in seconds: on the processor, on anything else."""

KIND_S = 0.35
"""The most of that for one kind of step: more says no more, and people wait for the server."""

STEPS = 20
LEAST_STEPS = 3
"""Steps timed of each kind, where time allows; and where it hardly does."""

SETTLING = 4
"""Steps of known silence that do not count: the mouth closes in them. Of others the first does not: it
has caches to fill."""

PAUSE_S = 0.01
"""Before each step on the processor. In live sessions others have it and its caches in between, and the next step takes
up to twice as long as one that follows at once."""

LOUDNESS = 0.1

logger = logging.getLogger(__name__)


class Shape(NamedTuple):
    """A kind of step that is timed. Known silence is zeros, and only zeros."""

    hop: int
    lookahead: int
    silent: bool = False


def measure_profile(generator: Generator, portrait: NDArray[np.uint8]) -> Profile:
    """Time ``generator`` on this machine. ``portrait`` is uint8 ``(H, W, 3)`` RGB, one that it takes.

    Blocks. A generator that fails meanwhile is no error here: it holds one session of each preset then.
    """
    info = generator.info
    on_cpu = info.device == "cpu"
    seconds = CPU_S if on_cpu else DEVICE_S
    logger.info("timing the generator, %.0f s at most", seconds)
    began = time.perf_counter()
    steps, silence = measure(generator, portrait, seconds)
    profile = Profile(info.presets, steps, usable_cores(), on_cpu, silence)
    held = ", ".join(f"{count} at {preset}" for preset, count in profile.capacity().streams.items())
    logger.info("timed in %.1f s: room for %s", time.perf_counter() - began, held)
    return profile


def measure(
    generator: Generator, portrait: NDArray[np.uint8], seconds: float
) -> tuple[Mapping[str, list[StepTime]], Silence | None]:
    """What steps take, for each preset, smallest batch first, and those of windows of known silence, None where the
    generator makes none. Left out are batches for which ``seconds`` are not enough, that fail, or that cannot be in
    time as a smaller one is not."""
    info = generator.info
    presets = {name: Shape(preset.hop, preset.lookahead) for name, preset in info.presets.items()}
    silence = _silence_shape(info)
    shapes = sorted({*presets.values(), *([silence] if silence else [])})
    batches = info.batches or [1 << power for power in range(info.max_batch.bit_length())]
    share = min(KIND_S, seconds / len(shapes) / len(batches))
    found: dict[Shape, list[StepTime]] = {shape: [] for shape in shapes}
    streams: list[Any] = []
    try:
        streams.append(generator.open(portrait, 0))
        until = time.perf_counter() + seconds
        for batch in batches:
            while len(streams) < batch:
                streams.append(generator.open(portrait, len(streams)))
            for shape in shapes:
                if time.perf_counter() > until and (batch > 1 or not _keep_up(found)):
                    break
                step = _time(generator, streams, shape, share, until)
                logger.debug("%s, batch %d: %.1f ms, p95 %.1f ms", shape, batch, *_ms(step))
                found[shape].append(step)
            shapes = [shape for shape in shapes if _keep_up({shape: found[shape]})]
    except Exception:  # any generator, any error: out of memory, say
        logger.warning("steps of %d streams cannot be timed", len(streams), exc_info=True)
    finally:
        for stream in streams:
            with suppress(Exception):
                generator.close(stream)
    steps = {name: found[shape] for name, shape in presets.items()}
    return steps, None if silence is None else Silence(silence.hop, found[silence])


def _silence_shape(info: GeneratorInfo) -> Shape | None:
    """Of windows of known silence. On a device a step takes the same whatever is said, and where a preset has such
    windows, those are timed; on a processor silence may be easier to draw."""
    if not info.silence_hop:
        return None
    on_cpu = info.device == "cpu"
    known = [Shape(preset.hop, preset.lookahead) for preset in info.presets.values() if not on_cpu]
    alike = [shape for shape in known if shape.hop == info.silence_hop and not shape.lookahead]
    return alike[0] if alike else Shape(info.silence_hop, 0, silent=True)


def _time(generator: Generator, streams: Sequence[Any], shape: Shape, share: float, until: float) -> StepTime:
    """Times a step with ``streams`` for ``share`` seconds, or once where it is past ``until`` after that."""
    chance = np.random.default_rng(0)
    on_cpu = generator.info.device == "cpu"
    taken: list[float] = []
    began = now = time.perf_counter()
    settling = SETTLING if shape.silent else 1
    while len(taken) < STEPS + settling:
        if (taken and now > until) or (len(taken) >= LEAST_STEPS + settling and now > began + share):
            break
        samples = (len(streams), (shape.hop + shape.lookahead) * BLOCK_SAMPLES)
        audio = chance.normal(0.0, 0.0 if shape.silent else LOUDNESS, samples).astype(np.float32)
        work = [Work(stream, pcm, shape.hop) for stream, pcm in zip(streams, audio, strict=True)]
        if on_cpu:
            time.sleep(PAUSE_S)
        started, started_own = time.perf_counter(), time.process_time()
        generator.step(work)
        now, own = time.perf_counter(), time.process_time() - started_own
        # Where the processor does the work, its own time counts: a start is a busy moment, and what others take then
        # says nothing. A generator with several threads has less wall time.
        taken.append(min(now - started, own) if on_cpu else now - started)
    timed = sorted(taken[settling:] or taken[-1:])
    return StepTime(len(streams), median(timed), timed[math.ceil(0.95 * len(timed)) - 1])


def _keep_up(found: Mapping[Shape, Sequence[StepTime]]) -> bool:
    """Whether the last step of each kind was in real time, as far as there is one."""
    return all(steps[-1].p50 <= shape.hop * BLOCK_S for shape, steps in found.items() if steps)


def _ms(step: StepTime) -> tuple[float, float]:
    return step.p50 * 1000, step.p95 * 1000
