"""The stages of a window, run as CUDA graphs where they were recorded.

The result of a stage is valid until a stage of another kind runs: see graphs.py. From audio to latents streams share a
batch. Decoding is done stream by stream: one fills the device, a batch of four takes as long as four by themselves, and
its gigabytes are needed once only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from torch import Tensor

from livehead.engine.flashhead.dit.audio_context import AudioContext
from livehead.engine.flashhead.dit.sampler import STEPS
from livehead.engine.flashhead.graphs import Graphs
from livehead.engine.flashhead.receptive_range import decoded_range
from livehead.engine.flashhead.runtime.dtype_policy import first_algorithms
from livehead.engine.flashhead.stages import WindowStages
from livehead.engine.flashhead.vae.base import Moments


class GraphedStages:
    """``graphs`` None runs every stage directly. Filled in by warm_up.py; without it nothing is recorded."""

    def __init__(self, stages: WindowStages) -> None:
        self.stages = stages
        self.graphs: Graphs | None = None
        self.batch_sizes: tuple[int, ...] = ()
        """Batch sizes that are recorded, largest first."""
        self.decoded_ranges: list[range] = []
        """Ranges of frames whose decoding is recorded."""

    def split(self, count: int) -> Iterator[slice]:
        """A batch of ``count`` as batches of recorded sizes, largest first; whole if no size is recorded."""
        start = 0
        while start < count:
            length = next((size for size in self.batch_sizes if size <= count - start), count - start)
            yield slice(start, start + length)
            start += length

    def audio(self, samples: Tensor) -> tuple[Tensor, AudioContext]:
        """See :meth:`WindowStages.audio`."""
        embedding, context = self._run("latents", "audio", self.stages.audio, samples)
        return embedding, context

    def denoise(
        self, noise: Tensor, motion: Tensor, two_motion: Tensor, reference: Tensor, context: AudioContext
    ) -> Tensor:
        """See :meth:`WindowStages.denoise`. The latents are the caller's own."""
        begin = self.stages.begin_denoising
        x, conditioning, reference = self._run("latents", "begin", begin, noise, motion, two_motion, reference)
        for step in range(STEPS):
            denoise_step = partial(self.stages.denoise_step, step)
            x = self._run("latents", f"denoise {step}", denoise_step, x, conditioning, reference, context)
        return self.stages.latents(x).clone()

    def decode(self, latents: Tensor, hop: int) -> tuple[Tensor, int]:
        """The frames that a stream with this hop shows or feeds back, (1, n, 3, H, W), and the first one's number in
        its window. Decodes more of them if only that is recorded: what is not recorded is slow the first time."""
        frames = decoded_range(self.stages.model.geometry, [hop])
        if self.graphs is not None:
            recorded = [some for some in self.decoded_ranges if some.start <= frames.start and frames.stop <= some.stop]
            frames = min(recorded, key=len, default=frames)
        decode = partial(self.stages.decode, frames=frames)
        decoded: Tensor = self._run("decode", f"decode {frames.start} {frames.stop}", decode, latents)
        return decoded, frames.start

    def encode_motion(self, noise: Tensor | None, *frames: Tensor) -> Tensor:
        """See :meth:`WindowStages.encode_motion`."""
        motion: Tensor = self._run("encode", "encode", self.stages.encode_motion, noise, *frames)
        return motion

    def encode_portrait(self, portrait: Tensor) -> Moments:
        """See :meth:`WindowStages.encode_portrait`. The result is the caller's own."""
        mean, deviation = self._run("portrait", "portrait", self._portrait_moments, portrait)
        return Moments(mean.clone(), None if deviation is None else deviation.clone())

    def _portrait_moments(self, portrait: Tensor) -> tuple[Tensor, Tensor | None]:
        with first_algorithms():
            moments = self.stages.encode_portrait(portrait)
        return moments.mean, moments.deviation

    def _run(self, chain: str, name: str, stage: Callable[..., Any], *inputs: Any) -> Any:
        return stage(*inputs) if self.graphs is None else self.graphs.run(chain, name, stage, *inputs)
