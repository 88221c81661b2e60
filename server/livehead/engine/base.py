"""The engine seam: what every generator of frames must do. No torch here.

A generator turns one portrait and live speech into 25 frames a second. It lives in the worker
process; the server reaches it through :mod:`livehead.engine.host.host`, ``livehead render`` calls it
directly, and the tests put a fake in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import FPS, Pcm
from livehead.core.look import LookKind
from livehead.errors import EngineError

PixelFormat: TypeAlias = Literal["yuv420p", "rgb24"]

Frames: TypeAlias = NDArray[np.uint8]
"""``yuv420p``: uint8 ``(hop, height * 3 // 2, width)``, BT.601 limited range;
``rgb24``: uint8 ``(hop, height, width, 3)``. A transparent stream's are twice as high: see :class:`Backdrop`."""


@dataclass(frozen=True, slots=True)
class Preset:
    """What a latency preset means for one generator.

    ``hop`` new frames are made from ``hop + lookahead`` blocks of audio; a frame is sent at
    most ``max_delay_ms`` after the first sample of its block came in, or not at all.
    """

    hop: int
    lookahead: int
    max_delay_ms: int


@dataclass(frozen=True, slots=True)
class GeneratorInfo:
    """What a generator is and what it can do.

    ``window`` is the largest ``hop + lookahead`` one step takes, in frames. ``motion_frames`` is
    how many shown frames :meth:`Generator.rewind` wants. ``presets`` maps ``low``, ``balanced``
    and ``throughput`` to a :class:`Preset`. ``details`` are facts for people (attention backend,
    dtype), shown in ``/v1/info``. ``mixed_hops`` says that works of different hop may share a step.
    ``silence_hop`` is how many frames a window of known silence has, whatever the preset: 0 for no more than others.
    ``looks`` are the kinds of background that it can give a portrait by itself. ``batches`` are the batch sizes
    that others are put together from, smallest first; empty where every size up to ``max_batch`` is
    computed as such.
    """

    name: str
    width: int
    height: int
    window: int
    motion_frames: int
    presets: Mapping[str, Preset]
    max_batch: int
    device: str = "cpu"
    variant: str | None = None
    fps: int = FPS
    mixed_hops: bool = True
    silence_hop: int = 0
    looks: tuple[LookKind, ...] = ("keep",)
    batches: tuple[int, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def step_hops(self) -> tuple[int, ...]:
        """Hops that a step may be asked for: those of the presets, and twice those that fit into a window, for two
        windows of a stream that are stepped as one."""
        given = [(preset.hop, preset.lookahead) for preset in self.presets.values()]
        twice = {2 * hop for hop, lookahead in given if 2 * hop + lookahead <= self.window}
        return tuple(sorted(twice | {hop for hop, _ in given}))


@dataclass(frozen=True, slots=True, eq=False)
class Backdrop:
    """What is put behind the person of a portrait, in place of its own background.

    ``colour`` has an ``rgb`` of 0 … 255, ``picture`` a ``picture``, uint8 ``(H, W, 3)`` RGB of any size, which is cut
    to cover the frame. ``blur`` is the portrait's own background, blurred. ``transparent`` makes frames of twice the
    height: the upper half is the person, in straight colours that go on smoothly where there is no person, and the
    lower half is alpha as grey, black where nothing of the person is seen.
    """

    kind: Literal["colour", "blur", "transparent", "picture"]
    rgb: tuple[int, int, int] | None = None
    picture: NDArray[np.uint8] | None = None


class Stream(Protocol):
    """One portrait in motion: everything a generator remembers between two steps. Opaque to callers."""


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """One stream's share of a step.

    ``pcm`` is float32 of ``(hop + lookahead) * 640`` samples: the hop's own, then the lookahead's,
    which is provisional and comes again at the head of the stream's next work.
    """

    stream: Any
    pcm: Pcm
    hop: int


class SpoiltError(EngineError):
    """A step gave no usable frames for some of its streams, as where a model's numbers are none any more. ``frames``
    are what :meth:`Generator.step` would have returned, with None for each of those."""

    def __init__(self, message: str, frames: Sequence[Frames | None]) -> None:
        super().__init__(message)
        self.frames = frames


class Generator(Protocol):
    """Makes frames. Streams are independent: what one gets never depends on its batch."""

    @property
    def info(self) -> GeneratorInfo: ...

    def open(self, portrait: NDArray[np.uint8], seed: int) -> Any:
        """Start a stream from a portrait, uint8 ``(H, W, 3)`` RGB of any size.

        Raises :class:`~livehead.errors.PortraitError` where the frame cannot be used.
        """

    def step(self, work: Sequence[Work], pixel_format: PixelFormat = "yuv420p") -> list[Frames]:
        """Make ``work[i].hop`` frames for every item, each stream at most once. At most
        ``info.max_batch`` items. The arrays are the caller's own: nothing writes to them afterwards.
        Raises ``ValueError`` for samples that are no whole blocks, and :class:`SpoiltError` where some of the streams
        failed by themselves: they are rewound then, or opened anew."""

    def rewind(self, stream: Any, shown: NDArray[np.uint8], unshown: int) -> None:
        """Continue from the frames really shown: ``shown`` is uint8 ``(motion_frames, height,
        width, 3)`` RGB, oldest first; the last ``unshown`` frames made were never seen."""

    def close(self, stream: Any) -> None:
        """Forget a stream. Twice is once."""


class BackdropGenerator(Generator, Protocol):
    """A generator that puts another background behind the person by itself, frame by frame: its ``info.looks`` names
    more than ``keep``. For all others :mod:`livehead.engine.look` puts it into the portrait."""

    def open(self, portrait: NDArray[np.uint8], seed: int, backdrop: Backdrop | None = None) -> Any:
        """``backdrop`` is of a kind that ``info.looks`` names; None keeps the portrait's own background."""

    def prepare(self, portrait: NDArray[np.uint8], backdrop: Backdrop | None = None) -> None:
        """As :meth:`Preparing.prepare`."""


@runtime_checkable
class Preparing(Protocol):
    """A generator that can make portraits ready while it steps. Where one has this method, the worker calls it in
    another thread than all the others, one portrait at a time, before :meth:`Generator.open` with the same."""

    def prepare(self, portrait: NDArray[np.uint8]) -> None:
        """Do what opening a stream with this portrait takes long for. Raises what ``open`` raises."""


@runtime_checkable
class Resuming(Protocol):
    """A generator that has more to go on from than :meth:`Generator.rewind` is told when a stream comes to it that
    another one of its kind made until now."""

    def resume(self, stream: Any, shown: NDArray[np.uint8], heard: Pcm, made: int) -> None:
        """Let a stream go on whose last frames were ``shown``, as in :meth:`Generator.rewind`, with nothing that jumps.
        ``heard`` is float32, the audio that its last frames were made from, whole blocks, 8 seconds at most. It made
        ``made`` frames in all. Called for a stream that was just opened, and for one that is taken back further than it
        was made here."""


@runtime_checkable
class WarmingUp(Protocol):
    """A generator that can serve before it is as fast as it will be."""

    @property
    def warming_up(self) -> bool:
        """Whether anything is left for :meth:`warm_up_more`."""

    def warm_up_more(self) -> bool:
        """Do some more of what makes it faster, for a second or two; ``info.batches`` then says more. False where
        nothing is left. Called while no live stream is open."""


@runtime_checkable
class OnDevice(Protocol):
    """A generator whose device can be lost, for good until its process ends."""

    def check_device(self) -> None:
        """Raise whatever the device raises if it is lost. Called after a step that failed."""


class Factory(Protocol):
    """Makes a generator inside the worker process. Named in :class:`EngineSpec` by import path."""

    def __call__(self, **options: Any) -> Generator: ...


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """How the worker makes its generator: ``factory`` is ``"package.module:callable"``, called
    with ``options``. Both travel to another process, so they are plain data. Where the generator is too slow for real
    time, the first of the ``alternatives`` that is not is taken, or the last: options in place of those of the same
    names."""

    factory: str
    options: Mapping[str, Any] = field(default_factory=dict)
    alternatives: tuple[Mapping[str, Any], ...] = ()
