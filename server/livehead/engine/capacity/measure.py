"""Timing a generator before it serves: steps with random audio, at each preset and growing batches."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import BLOCK_S, BLOCK_SAMPLES
from livehead.cores import usable_cores
from livehead.engine.base import Generator, Work
from livehead.engine.capacity.model import StepTime
from livehead.engine.capacity.profile import Profile

CPU_S = 2.0
DEVICE_S = 3.0
"""About how long the timing may take, in seconds: on the processor, on anything else."""

STEPS = 20
LEAST_STEPS = 3
"""Steps timed of each kind, where time allows; and where it hardly does."""

PAUSE_S = 0.01
"""Before each step on the processor. In live sessions others have it and its caches in between, and the next step takes
up to twice as long as one that follows at once."""

LOUDNESS = 0.1

logger = logging.getLogger(__name__)


def measure_profile(generator: Generator, portrait: NDArray[np.uint8]) -> Profile:
    """Time ``generator`` on this machine. ``portrait`` is uint8 ``(H, W, 3)`` RGB, one that it takes.

    Blocks. A generator that fails meanwhile is no error here: it holds one session of each preset then.
    """
    info = generator.info
    on_cpu = info.device == "cpu"
    seconds = CPU_S if on_cpu else DEVICE_S
    logger.info("timing the generator, %.0f s at most", seconds)
    began = time.perf_counter()
    steps = measure(generator, portrait, seconds)
    profile = Profile(info.presets, steps, usable_cores(), on_cpu)
    held = ", ".join(f"{count} at {preset}" for preset, count in profile.capacity().streams.items())
    logger.info("timed in %.1f s: room for %s", time.perf_counter() - began, held)
    return profile


def measure(generator: Generator, portrait: NDArray[np.uint8], seconds: float) -> Mapping[str, list[StepTime]]:
    """What steps take, for each preset, smallest batch first. Left out are batches for which ``seconds`` are not
    enough, that fail, or that cannot be in time as a smaller one is not."""
    info = generator.info
    shapes = sorted({(preset.hop, preset.lookahead) for preset in info.presets.values()})
    batches = info.batches or [1 << power for power in range(info.max_batch.bit_length())]
    share = seconds / len(shapes) / len(batches)
    found: dict[tuple[int, int], list[StepTime]] = {shape: [] for shape in shapes}
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
                step = _time(generator, streams, *shape, share, until)
                logger.debug("hop %d, batch %d: %.1f ms, p95 %.1f ms", shape[0], batch, *_ms(step))
                found[shape].append(step)
            shapes = [shape for shape in shapes if _keep_up({shape: found[shape]})]
    except Exception:  # any generator, any error: out of memory, say
        logger.warning("steps of %d streams cannot be timed", len(streams), exc_info=True)
    finally:
        for stream in streams:
            with suppress(Exception):
                generator.close(stream)
    return {name: found[preset.hop, preset.lookahead] for name, preset in info.presets.items()}


def _time(
    generator: Generator, streams: Sequence[Any], hop: int, lookahead: int, share: float, until: float
) -> StepTime:
    """Times a step with ``streams`` for ``share`` seconds, or once where it is past ``until`` after that."""
    chance = np.random.default_rng(0)
    on_cpu = generator.info.device == "cpu"
    taken: list[float] = []
    began = now = time.perf_counter()
    while len(taken) <= STEPS:
        if (taken and now > until) or (len(taken) > LEAST_STEPS and now > began + share):
            break
        audio = chance.normal(0.0, LOUDNESS, (len(streams), (hop + lookahead) * BLOCK_SAMPLES)).astype(np.float32)
        work = [Work(stream, pcm, hop) for stream, pcm in zip(streams, audio, strict=True)]
        if on_cpu:
            time.sleep(PAUSE_S)
        started, started_own = time.perf_counter(), time.process_time()
        generator.step(work)
        now, own = time.perf_counter(), time.process_time() - started_own
        # Where the processor does the work, its own time counts: a start is a busy moment, and what others take then
        # says nothing. A generator with several threads has less wall time.
        taken.append(min(now - started, own) if on_cpu else now - started)
    timed = sorted(taken[1:] or taken)  # the first has caches to fill
    return StepTime(len(streams), median(timed), timed[math.ceil(0.95 * len(timed)) - 1])


def _keep_up(found: Mapping[tuple[int, int], Sequence[StepTime]]) -> bool:
    """Whether the last step of each kind was in real time, as far as there is one."""
    return all(steps[-1].p50 <= hop * BLOCK_S for (hop, _), steps in found.items() if steps)


def _ms(step: StepTime) -> tuple[float, float]:
    return step.p50 * 1000, step.p95 * 1000
