"""FlashHead as a generator: streams, batches, and the recurrence from window to window."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from livehead.core.block import BLOCK_SAMPLES, Pcm
from livehead.engine.base import Frames, GeneratorInfo, PixelFormat, Work
from livehead.engine.flashhead.colour.match import look_of
from livehead.engine.flashhead.colour.pixels import to_i420, to_rgb24
from livehead.engine.flashhead.dit.attention import AttentionName, choose
from livehead.engine.flashhead.dit.sampler import STEPS
from livehead.engine.flashhead.graphs import Graphs
from livehead.engine.flashhead.noise import Noise, SeededNoise
from livehead.engine.flashhead.noise_sampling import Draws
from livehead.engine.flashhead.portrait.cache import Portrait, Portraits
from livehead.engine.flashhead.presets import PRESETS
from livehead.engine.flashhead.receptive_range import needed, worth_recording
from livehead.engine.flashhead.runtime.device import (
    Precision,
    describe,
    exactly,
    find_device,
    find_dtype,
    find_products,
)
from livehead.engine.flashhead.runtime.host_copy import HostCopy
from livehead.engine.flashhead.runtime.stage_timer import Stages
from livehead.engine.flashhead.stages import Pipeline, stack_looks
from livehead.engine.flashhead.step_input import checked
from livehead.engine.flashhead.stream import FlashHeadStream
from livehead.engine.flashhead.weights.checkpoint import Model, load_model, random_model
from livehead.engine.flashhead.weights.config import AUDIO_SAMPLES, Variant
from livehead.errors import EngineError

log = logging.getLogger(__name__)

GRAPHED: Mapping[Variant, tuple[int, ...]] = {"lite": (1, 4), "pro": (1,)}
"""Batch sizes recorded as CUDA graphs; others are put together from them. One of Lite's windows takes 10 % less in a
batch of four; one of Pro's fills a device by itself. Each size takes seconds at the start."""


class FlashHead:
    """Makes pictures from a portrait and speech. Satisfies :class:`livehead.engine.base.Generator`.

    One thread at a time calls it, as the worker process does; only :meth:`prepare` may run beside.
    """

    def __init__(self, model: Model, max_batch: int = 8) -> None:
        self.model = model
        self.geometry = model.geometry
        self.stages = Stages(model.device)
        self._pipeline = Pipeline(model)
        self._portraits = Portraits(model.geometry)
        self._draws = Draws(model.geometry, model.device, samples=model.vae.samples)
        self._graphs: Graphs | None = None
        self._sizes: tuple[int, ...] = ()
        self._ranges: list[range] = []
        self._host = HostCopy(model.device)
        # What each stream of a step hears. A step waits for its pictures, so the last one's was read before this one's.
        self._heard = torch.zeros(max_batch, AUDIO_SAMPLES, pin_memory=model.device.type == "cuda")
        geometry = model.geometry
        self._info = GeneratorInfo(
            name="flashhead",
            width=geometry.width,
            height=geometry.height,
            window=geometry.new_frames,
            motion_frames=geometry.motion_frames,
            presets=PRESETS[model.config.variant],
            max_batch=max_batch,
            device=describe(model.device),
            variant=model.config.variant,
            # A batch decodes what all of it needs, and a range that was not recorded is slow the first time.
            mixed_hops=False,
            details={
                "attention": model.dit.attention.name,
                "dtype": str(model.precision.dtype).removeprefix("torch."),
                "products": "fp8" if model.precision.fp8 else "exact",
                "torch": torch.__version__,
                "weights": model.origin,
            },
        )

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
        products: str = "exact",
        max_batch: int = 8,
    ) -> FlashHead:
        """Load the published layout below ``models``. ``size`` is a side or (height, width).

        Raises CheckpointError (what is wrong with which file, and the cure), SizeError where the
        model cannot make that size, UsageError for a device, dtype, attention or products that are not there.
        ``products``: ``exact``, or ``fp8``, faster and some per cent off (products.py).
        """
        where, kind = find_device(device), find_dtype(dtype)
        precision = Precision.of(kind, fp8=find_products(products, where))
        with torch.inference_mode():
            model = load_model(Path(models), variant, size, where, precision, choose(attention, where, kind))
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
        products: str = "exact",
        max_batch: int = 8,
        seed: int = 0,
    ) -> FlashHead:
        """The published model's size with random weights: the same work, no download, no likeness."""
        where, kind = find_device(device), find_dtype(dtype)
        precision = Precision.of(kind, fp8=find_products(products, where))
        with torch.inference_mode():
            model = random_model(variant, size, where, precision, choose(attention, where, kind), seed)
        return cls(model, max_batch)

    @property
    def info(self) -> GeneratorInfo:
        return self._info

    def open(self, portrait: NDArray[np.uint8], seed: int = 0, noise: Noise | None = None) -> FlashHeadStream:
        """Start a stream from a portrait, uint8 (H, W, 3) RGB of any size.

        All of the stream's noise comes from ``noise(name, shape)``, by default from a generator of
        its own with the given seed. Raises PortraitError for something that is no picture.
        """
        fitted = self._portraits.fitted(portrait)
        source = noise if noise is not None else SeededNoise(seed, self.model.device)
        with self._computing():
            known = self._portraits.known(fitted, self._look_at)
            latents, reference = self._pipeline.reference(known.moments, self._draws.reference(source))
            return FlashHeadStream(source, known.look, reference[0], latents[0, :, :1])

    def prepare(self, portrait: NDArray[np.uint8]) -> None:
        """Fit a portrait to the picture, while steps go on in another thread: nothing on the device is touched.

        What follows when a stream is opened with it, encoding it, takes a few milliseconds there. Raises PortraitError.
        """
        self._portraits.prepare(portrait)

    def step(self, work: Sequence[Work], pixel_format: PixelFormat = "yuv420p") -> list[Frames]:
        """Make ``work[i].hop`` pictures for each item. See :class:`livehead.engine.base.Generator`.

        Raises ValueError, with nothing changed, for samples that are no whole frames, a hop or
        lookahead that does not fit the window, a stream that is closed or named twice.
        """
        sounds = checked(work, pixel_format, self.geometry, self._info.max_batch)
        if not work:
            return []
        streams: list[FlashHeadStream] = [item.stream for item in work]
        pictures: list[Tensor] = []
        with self._computing():
            for some in self._parts(len(work)):
                hops = [item.hop for item in work[some]]
                pictures += self._make(streams[some], sounds[some], self._heard[some], hops, pixel_format)
            self._host.wait()
        return [picture.numpy() for picture in pictures]

    def _make(
        self,
        streams: list[FlashHeadStream],
        sounds: list[Pcm],
        heard: Tensor,
        hops: list[int],
        pixel_format: PixelFormat,
    ) -> list[Tensor]:
        """Put one window of each stream to the device. Pictures on their way to the host: see HostCopy."""
        geometry, pipeline, stages = self.geometry, self._pipeline, self.stages
        with stages("audio"):
            for row, stream, pcm in zip(heard.numpy(), streams, sounds, strict=True):
                stream.history.window(pcm, geometry.new_frames, row)
            samples = heard.to(self.model.device, non_blocking=True)
            embedding, context = self._run("audio", pipeline.hear, samples)
        with stages("noise"):
            noise, after = self._draws.window(streams), self._draws.motion(streams)
            motion = torch.stack([s.motion if s.motion is not None else s.first.expand(-1, 2, -1, -1) for s in streams])
            second = self._to_device(np.array([s.motion is not None for s in streams]))
            reference = torch.stack([s.reference for s in streams])
        with stages("dit"):
            x, given, reference = self._run("begin", pipeline.begin, noise, motion, second, reference)
            for step in range(STEPS):
                x = self._run(f"pass {step}", partial(pipeline.advance, step), x, given, reference, context)
            latents = pipeline.latents(x)
        with stages("decode"):
            frames, first = self._decode(latents, hops)
        with stages("colour"):
            emitted, kept = self._match(frames, first, streams, hops, pixel_format)
        with self._host.beside(), stages("copy"):
            pictures = [self._host.start(tensor) for tensor in emitted]
        with stages("encode"):
            # Nobody waits for this: the pictures are on their way while the device goes on.
            motions = self._run("encode", pipeline.motion, kept, after)
        for place, (stream, hop) in enumerate(zip(streams, hops, strict=True)):
            stream.motion = motions[place].clone()
            stream.embedding = embedding[place].clone()
            stream.history.append(sounds[place][: hop * BLOCK_SAMPLES])
            stream.windows += 1
        return pictures

    def _decode(self, latents: Tensor, hops: Sequence[int]) -> tuple[Tensor, int]:
        """The frames that are shown or fed back, (B, n, 3, H, W), and the number of the first in its window."""
        wanted = needed(self.geometry, hops)
        if self._graphs is not None:
            recorded = [some for some in self._ranges if some.start <= wanted.start and wanted.stop <= some.stop]
            wanted = min(recorded, key=len, default=wanted)
        decode = partial(self._pipeline.decode, wanted=wanted)
        return self._run(f"decode {wanted.start} {wanted.stop}", decode, latents), wanted.start

    def _run(self, name: str, stage: Callable[..., Any], *inputs: Any) -> Any:
        return stage(*inputs) if self._graphs is None else self._graphs.run(name, stage, *inputs)

    def _parts(self, count: int) -> Iterator[slice]:
        """A batch in parts of the sizes that are recorded, largest first; whole where none is."""
        start = 0
        while start < count:
            length = next((size for size in self._sizes if size <= count - start), count - start)
            yield slice(start, start + length)
            start += length

    def rewind(self, stream: FlashHeadStream, shown: NDArray[np.uint8], unshown: int = 0) -> None:
        """Continue from the pictures really shown, uint8 (motion_frames, height, width, 3), oldest first.

        The sound of the newest ``unshown`` frames is forgotten. Raises ValueError.
        """
        geometry = self.geometry
        shown = np.asarray(shown)
        expected = (geometry.motion_frames, geometry.height, geometry.width, 3)
        if shown.shape != expected or shown.dtype != np.uint8:
            raise ValueError(f"shown must be uint8 {expected}, not {shown.dtype} {shown.shape}")
        if stream.closed:
            raise ValueError("the stream is closed")
        if not 0 <= unshown <= stream.history.frames:
            raise ValueError(f"unshown must be 0 … {stream.history.frames}, the frames made so far, not {unshown}")
        with self._computing():
            pictures = self._to_device(np.array(shown)).float().movedim(-1, 1) / 255
            stream.motion = self._pipeline.motion(pictures[None], self._draws.rewind(stream))[0]
        stream.history.drop(unshown)
        stream.rewinds += 1

    def close(self, stream: FlashHeadStream) -> None:
        """Forget a stream. Twice is once."""
        stream.closed = True

    def warm_up(self) -> None:
        """Make a window of each kind, so that kernels are built and chosen before anybody waits for them, and
        on CUDA record the stages as graphs: at each batch size, whole windows and those of small hops."""
        on_device = self.model.device.type == "cuda"
        sizes = (
            [size for size in GRAPHED[self.model.config.variant] if size <= self._info.max_batch] if on_device else [1]
        )
        groups = worth_recording(self.geometry, {preset.hop for preset in self._info.presets.values()})
        self._ranges = [needed(self.geometry, group) for group in groups]
        self._graphs = Graphs() if on_device else None
        streams = [self.open(np.full((64, 64, 3), 128, np.uint8), seed=0) for _ in range(sizes[-1])]
        for size in sizes:
            self._sizes = (size, *self._sizes) if on_device else ()
            try:
                for group in groups:
                    self._warm(streams[:size], max(group))
            except EngineError:
                if size == 1:
                    raise
                log.warning("no memory for batches of %d: they are made of smaller ones", size)
                self._sizes = self._sizes[1:]
                break
        self._info = replace(self._info, batches=self._sizes[::-1])
        for stream in streams:
            self.close(stream)

    def _warm(self, streams: Sequence[FlashHeadStream], hop: int) -> None:
        work = [Work(stream, np.zeros(hop * BLOCK_SAMPLES, np.float32), hop) for stream in streams]
        self.step(work)
        if self._graphs is not None:
            with self._graphs.recording():
                self.step(work)

    def _look_at(self, fitted: NDArray[np.uint8]) -> Portrait:
        picture = self._to_device(fitted).float().movedim(-1, 0) / 127.5 - 1
        return Portrait(self._pipeline.portrait(picture), look_of(picture))

    def _match(
        self,
        frames: Tensor,
        first: int,
        streams: Sequence[FlashHeadStream],
        hops: Sequence[int],
        pixel_format: PixelFormat,
    ) -> tuple[list[Tensor], Tensor]:
        """Match what is shown or fed back, of the window's frames from ``first`` on: pictures as bytes for each
        stream, motion pictures (B, m, 3, H, W)."""
        m = self.geometry.motion_frames
        convert = to_i420 if pixel_format == "yuv420p" else to_rgb24
        emitted: dict[int, Tensor] = {}
        kept: dict[int, Tensor] = {}
        for hop in sorted(set(hops)):
            rows = [row for row, other in enumerate(hops) if other == hop]
            start = min(m, hop)
            some = frames[:, start - first : m + hop - first]
            if len(rows) < len(hops):
                some = torch.stack([some[row] for row in rows])
            pictures = self._pipeline.match(some, stack_looks([streams[row].look for row in rows]))
            shown = convert(pictures[:, m - start :])
            for place, row in enumerate(rows):
                emitted[row] = shown[place]
                kept[row] = pictures[place, hop - start : hop - start + m]
        order = range(len(hops))
        return [emitted[row] for row in order], torch.stack([kept[row] for row in order])

    def _to_device(self, array: NDArray[Any]) -> Tensor:
        tensor = torch.from_numpy(array)
        if self.model.device.type != "cuda":
            return tensor
        return tensor.pin_memory().to(self.model.device, non_blocking=True)

    @contextmanager
    def _computing(self) -> Iterator[None]:
        with exactly(self.model.precision.dtype):
            try:
                yield
            except torch.OutOfMemoryError:
                torch.cuda.empty_cache()
                raise EngineError(
                    f"{self._info.device} is out of memory. End some sessions, make the pictures smaller (--size), or "
                    "end what else uses the card."
                ) from None


def create(
    *,
    models: str = "models",
    variant: Variant = "lite",
    size: int | tuple[int, int] = 512,
    device: str = "cuda",
    dtype: str | None = None,
    attention: AttentionName = "auto",
    products: str = "exact",
    max_batch: int | None = None,
    synthetic: bool = False,
    **_: object,
) -> FlashHead:
    """The factory that the worker process calls: loads, and on CUDA warms up, before it returns.

    ``max_batch`` is the largest graph's where it is not given. More gains nothing: the pictures of the first part of
    a step would only wait for those of the others.
    """
    if device == "cpu":
        # One core stays with the server: threads that wait for each other on a busy core are many times slower.
        torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
    kind = dtype or ("float32" if device == "cpu" else "bfloat16")
    options: dict[str, Any] = {
        "attention": attention,
        "products": products,
        "max_batch": max_batch or GRAPHED[variant][-1],
    }
    if synthetic:
        engine = FlashHead.synthetic(variant=variant, size=size, device=device, dtype=kind, **options)
    else:
        engine = FlashHead.load(models, variant=variant, size=size, device=device, dtype=kind, **options)
    if engine.model.device.type == "cuda":
        log.info("warming up")
        engine.warm_up()
    log.info("%s on %s, %s attention", variant, engine.info.device, engine.info.details["attention"])
    return engine
