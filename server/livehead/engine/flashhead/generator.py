"""FlashHead as a generator: streams, batches, and the recurrence from window to window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from livehead.core.block import BLOCK_SAMPLES, Pcm
from livehead.engine.base import Frames, GeneratorInfo, PixelFormat, SpoiltError, Work
from livehead.engine.flashhead.audio.history import AudioHistory
from livehead.engine.flashhead.colour.match import ColourStatistics, colour_statistics
from livehead.engine.flashhead.colour.window import match_window
from livehead.engine.flashhead.dit.attention import AttentionName, choose
from livehead.engine.flashhead.geometry import AUDIO_SAMPLES
from livehead.engine.flashhead.graphed_stages import GraphedStages
from livehead.engine.flashhead.info import generator_info
from livehead.engine.flashhead.noise import Noise, SeededNoise
from livehead.engine.flashhead.noise_sampling import NoiseSampler
from livehead.engine.flashhead.portrait.cache import EncodedPortrait, PortraitCache
from livehead.engine.flashhead.runtime.device_memory import OUTSIDE_GB, loading, out_of_memory, taken
from livehead.engine.flashhead.runtime.dtype_policy import (
    DtypePolicy,
    find_dtype,
    find_matmul_precision,
    inference_context,
)
from livehead.engine.flashhead.runtime.host_copy import HostCopy
from livehead.engine.flashhead.runtime.stage_timer import StageTimer
from livehead.engine.flashhead.runtime.torch_device import find_device
from livehead.engine.flashhead.stages import WindowStages
from livehead.engine.flashhead.step_input import check_rewind, check_step
from livehead.engine.flashhead.stream import FlashHeadStream
from livehead.engine.flashhead.warm_up import WarmUp
from livehead.engine.flashhead.weights.checkpoint import Model, load_model, random_model
from livehead.engine.flashhead.weights.config import Variant


class FlashHead:
    """Makes frames from a portrait and speech. Satisfies :class:`livehead.engine.base.Generator`.

    One thread at a time calls it, as the worker process does; only :meth:`prepare` may run concurrently.
    """

    def __init__(self, model: Model, max_batch: int = 8) -> None:
        self.model = model
        self.geometry = model.geometry
        self.timer = StageTimer(model.device)
        self.graphed = GraphedStages(WindowStages(model))
        self._stages = self.graphed.stages
        self._portraits = PortraitCache(model.geometry)
        self._noise = NoiseSampler(model.geometry, model.device, posteriors=model.vae.samples)
        self._host = HostCopy(model.device)
        # Each stream's 8 s of audio. A step waits for its frames, so the previous step has read it by then.
        self._samples = torch.zeros(max_batch, AUDIO_SAMPLES, pin_memory=model.device.type == "cuda")
        self._info = generator_info(model, max_batch)
        self._warm_up = WarmUp(self, self.graphed)

    @classmethod
    def load(
        cls,
        models: str | Path,
        *,
        variant: Variant = "lite",
        size: int | tuple[int, int] = 512,
        device: str = "cuda",
        dtype: str = "bfloat16",
        attention: AttentionName = "auto",
        precision: str = "exact",
        max_batch: int = 8,
        memory: float | None = None,
    ) -> FlashHead:
        """Load the published layout below ``models``. ``size`` is a side or (height, width), in pixels.

        ``precision``: ``exact``, or ``int8`` or ``fp8``, which are faster and less exact (dit/matmul.py). ``memory``,
        in GB, is all that this process may take of a CUDA device from now on. Raises CheckpointError (what is wrong
        with which file, and the cure), SizeError if the model cannot make that size, UsageError for a device, dtype,
        attention or precision that is not available, EngineError where there is not enough memory.
        """
        where, kind = find_device(device), find_dtype(dtype)
        dtypes = DtypePolicy.of(kind, find_matmul_precision(precision, where))
        with loading(where, memory):
            model = load_model(Path(models), variant, size, where, dtypes, choose(attention, where, kind))
        return cls(model, max_batch)

    @classmethod
    def synthetic(
        cls,
        *,
        variant: Variant = "lite",
        size: int | tuple[int, int] = 512,
        device: str = "cuda",
        dtype: str = "bfloat16",
        attention: AttentionName = "auto",
        precision: str = "exact",
        max_batch: int = 8,
        memory: float | None = None,
        seed: int = 0,
    ) -> FlashHead:
        """Random weights of the published model's size: the same work without a download, but no likeness."""
        where, kind = find_device(device), find_dtype(dtype)
        dtypes = DtypePolicy.of(kind, find_matmul_precision(precision, where))
        with loading(where, memory):
            model = random_model(variant, size, where, dtypes, choose(attention, where, kind), seed)
        return cls(model, max_batch)

    @property
    def info(self) -> GeneratorInfo:
        return self._info

    def warm_up(self) -> None:
        """Compile and choose kernels, and on CUDA record the stages as graphs. Takes seconds to minutes."""
        self.warm_up_first()
        while self.warm_up_more():
            pass

    def warm_up_first(self) -> None:
        """As much of that as one stream needs. Raises EngineError where there is no memory for it."""
        self._warm_up.first()
        self._tell_batches()

    @property
    def warming_up(self) -> bool:
        return self._warm_up.left

    def warm_up_more(self) -> bool:
        """Record the next larger batch, for a second or so, and name it in ``info.batches``. False where none is
        left."""
        left = self._warm_up.more()
        self._tell_batches()
        return left

    def _tell_batches(self) -> None:
        details = dict(self._info.details)
        if (memory := taken(self.model.device)) is not None:
            details["memory"] = f"{memory.reserved + OUTSIDE_GB:.1f} GB"
            details["batches"] = ", ".join(map(str, self.graphed.batch_sizes[::-1]))
        self._info = replace(self._info, batches=self.graphed.batch_sizes[::-1], details=details)

    def prepare(self, portrait: NDArray[np.uint8]) -> None:
        """Fit a portrait to the frame, while another thread steps: nothing on the device is touched.

        What remains when a stream is opened with it, encoding, takes a few milliseconds. Raises PortraitError.
        """
        self._portraits.prepare(portrait)

    def open(self, portrait: NDArray[np.uint8], seed: int = 0, noise: Noise | None = None) -> FlashHeadStream:
        """Start a stream from a portrait, uint8 (H, W, 3) RGB of any size.

        All of the stream's noise comes from ``noise(name, shape)``, by default from a generator of its own with the
        given seed. Raises PortraitError for an array that is not an RGB image.
        """
        fitted = self._portraits.fitted(portrait)
        source = noise if noise is not None else SeededNoise(seed, self.model.device)
        with self._computing():
            encoded = self._portraits.encoded(fitted, self._encode_portrait)
            latents, reference = self._stages.reference(encoded.moments, self._noise.reference(source))
            return FlashHeadStream(source, encoded.colours, reference[0], latents[0, :, :1])

    def step(self, work: Sequence[Work], pixel_format: PixelFormat = "yuv420p") -> list[Frames]:
        """Make ``work[i].hop`` frames for each item. See :class:`livehead.engine.base.Generator`.

        Raises ValueError, with nothing changed, for samples that are not whole blocks, a hop or lookahead that does
        not fit in the window, and a stream that is closed or named twice. Raises SpoiltError for streams whose numbers
        are not finite any more: from a rewind on they are again.
        """
        pcm = check_step(work, pixel_format, self.geometry, self._info.max_batch)
        made: list[tuple[Tensor, Tensor]] = []
        with self._computing():
            for batch in self.graphed.split(len(work)):
                made += self._window(work[batch], pcm[batch], self._samples[batch], pixel_format)
            self._host.wait()
        frames = [frames.numpy() for frames, _ in made]
        if all(finite for _, finite in made):
            return frames
        some = [each if finite else None for each, (_, finite) in zip(frames, made, strict=True)]
        raise SpoiltError("the model's numbers are not finite", some)

    def _window(
        self, work: Sequence[Work], pcm: Sequence[Pcm], samples: Tensor, pixel_format: PixelFormat
    ) -> list[tuple[Tensor, Tensor]]:
        """Launch one window of each stream. Returns the frames of each and whether they are made of finite numbers,
        bool (), all valid once the host copies have been awaited."""
        streams: list[FlashHeadStream] = [item.stream for item in work]
        latents = self._latents(streams, pcm, samples)
        motion_noise = self._noise.motion(streams)
        made: list[tuple[Tensor, Tensor]] = []
        fed_back: list[Tensor] = []
        for place, (stream, item) in enumerate(zip(streams, work, strict=True)):
            shown, last = self._frames(latents[place : place + 1], stream.colours, item.hop, pixel_format)
            finite = latents[place].isfinite().all() & last.isfinite().all()
            with self._host.beside(), self.timer("copy"):
                made.append((self._host.start(shown), self._host.start(finite)))
            fed_back.append(last)
        with self.timer("encode"):
            # Nobody waits for this: the frames are on their way to the host while the device continues.
            motion = self.graphed.encode_motion(motion_noise, *fed_back)
        for place, (stream, item) in enumerate(zip(streams, work, strict=True)):
            stream.motion = motion[place].clone()
            stream.history.append(pcm[place][: item.hop * BLOCK_SAMPLES])
            stream.windows += 1
        return made

    def _latents(self, streams: Sequence[FlashHeadStream], pcm: Sequence[Pcm], samples: Tensor) -> Tensor:
        """From audio to latents, (B, C, T, h, w). Leaves each stream its audio embedding."""
        with self.timer("audio"):
            embedding, context = self.graphed.audio(self._listen(streams, pcm, samples))
            for place, stream in enumerate(streams):
                stream.embedding = embedding[place].clone()
        with self.timer("noise"):
            noise = self._noise.window(streams)
            motion, two_motion = self._motion_latents(streams)
            reference = torch.stack([stream.reference for stream in streams])
        with self.timer("dit"):
            return self.graphed.denoise(noise, motion, two_motion, reference, context)

    def _frames(
        self, latents: Tensor, colours: ColourStatistics, hop: int, pixel_format: PixelFormat
    ) -> tuple[Tensor, Tensor]:
        """One stream's latents (1, C, T, h, w) → the frames it shows, uint8, and those fed back, (1, m, 3, H, W)."""
        with self.timer("decode"):
            decoded, first = self.graphed.decode(latents, hop)
        with self.timer("colour"):
            motion_frames = self.geometry.motion_frames
            shown, fed_back = match_window(decoded, first, motion_frames, [colours], [hop], pixel_format)
        return shown[0], fed_back

    def rewind(self, stream: FlashHeadStream, shown: NDArray[np.uint8], unshown: int = 0) -> None:
        """Continue from the frames really shown, uint8 (motion_frames, height, width, 3), oldest first.

        The audio of the newest ``unshown`` frames is forgotten. Raises ValueError.
        """
        shown = check_rewind(stream, shown, unshown, self.geometry)
        with self._computing():
            frames = self._to_device(np.array(shown)).float().movedim(-1, 1) / 255
            stream.motion = self.graphed.encode_motion(self._noise.rewind(stream), frames[None])[0].clone()
        stream.history.drop(unshown)
        stream.rewinds += 1

    def resume(self, stream: FlashHeadStream, shown: NDArray[np.uint8], heard: Pcm, made: int) -> None:
        """Continue from frames that another FlashHead made, as :meth:`rewind` does, and from the audio of the last.
        How many there were makes no difference."""
        self.rewind(stream, shown)
        stream.history = AudioHistory()
        stream.history.append(heard)

    def check_device(self) -> None:
        """See :class:`livehead.engine.base.OnDevice`: errors of CUDA but for a want of memory stay until the process
        ends."""
        if self.model.device.type == "cuda":
            torch.cuda.synchronize(self.model.device)

    def close(self, stream: FlashHeadStream) -> None:
        """Forget a stream. May be called twice."""
        stream.closed = True

    def _listen(self, streams: Sequence[FlashHeadStream], pcm: Sequence[Pcm], samples: Tensor) -> Tensor:
        """Each stream's last 8 s, float32 (B, 128000) on the device, by way of the host buffer ``samples``."""
        for row, stream, known in zip(samples.numpy(), streams, pcm, strict=True):
            stream.history.window(known, self.geometry.new_frames, row)
        return samples.to(self.model.device, non_blocking=True)

    def _motion_latents(self, streams: Sequence[FlashHeadStream]) -> tuple[Tensor, Tensor]:
        """float32 (B, C, 2, h, w), and bool (B,): whether there are two, or in a stream's first window only one."""
        motion = [s.motion if s.motion is not None else s.first.expand(-1, 2, -1, -1) for s in streams]
        return torch.stack(motion), self._to_device(np.array([s.motion is not None for s in streams]))

    def forget_portraits(self) -> None:
        """Portraits are encoded anew from now on."""
        self._portraits = PortraitCache(self.geometry)

    def _encode_portrait(self, fitted: NDArray[np.uint8]) -> EncodedPortrait:
        portrait = self._to_device(fitted).float().movedim(-1, 0) / 127.5 - 1
        return EncodedPortrait(self.graphed.encode_portrait(portrait), colour_statistics(portrait))

    def _to_device(self, array: NDArray[Any]) -> Tensor:
        tensor = torch.from_numpy(array)
        if self.model.device.type != "cuda":
            return tensor
        return tensor.pin_memory().to(self.model.device, non_blocking=True)

    @contextmanager
    def _computing(self) -> Iterator[None]:
        with inference_context(self.model.dtypes.dtype):
            try:
                yield
            except torch.OutOfMemoryError:
                torch.cuda.empty_cache()
                raise out_of_memory(self._info.device) from None
