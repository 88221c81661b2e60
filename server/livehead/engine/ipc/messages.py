"""The messages between the host and its worker.

Both ends are Livehead and one starts the other, so messages are pickled dataclasses. Frames are
not among them: they go through :mod:`livehead.engine.ipc.frame_ring`, and a message only says where they
lie. Times are ``time.monotonic()`` seconds, which is one clock for all processes of a machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import BLOCK_SAMPLES, Pcm
from livehead.engine.base import Backdrop, EngineSpec, GeneratorInfo
from livehead.engine.capacity.profile import Profile
from livehead.engine.resume_point import ResumePoint
from livehead.errors import LiveheadError
from livehead.logs import LogForm

DropReason: TypeAlias = Literal["late", "full", "rewound", "fault", "closed", "ring", "down"]
"""Why a window gave no frames: its whole hop was too late, or so much of it that a later one went first; its
stream's queue was full; it was cut off by a rewind; the generator failed; the stream was closed; the frame ring was
full; the worker died."""


@dataclass(frozen=True, slots=True)
class Start:
    """Host → worker, first of all. The worker sends a heartbeat every ``heartbeat_period`` seconds; of a stream at most
    ``backlog`` windows may wait. A worker that is given a ``profile`` does not measure its own: people wait. ``log``:
    see :func:`livehead.logs.form_in_use`."""

    spec: EngineSpec
    heartbeat_period: float
    backlog: int
    nice: int
    debug: bool
    profile: Profile | None = None
    reserve: bool = False
    log: tuple[LogForm, str | None] = ("text", None)


@dataclass(frozen=True, slots=True, eq=False)
class Open:
    """Host → worker: start a stream. ``portrait`` is uint8 ``(H, W, 3)`` RGB; without a ``backdrop`` it keeps its own
    background. A ``background`` stream is stepped only where no live one suffers from it; its windows have no
    deadline. One that another worker made until now goes on from its ``resume`` point; one that was under way when that
    worker was lost is stepped ``alone`` until it has done well."""

    stream: int
    portrait: NDArray[np.uint8]
    seed: int
    backdrop: Backdrop | None = None
    background: bool = False
    resume: ResumePoint | None = None
    alone: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Resume:
    """Host → worker: a stream that is open here, and was made by another worker until now, goes on from ``point``, from
    the portrait where that is None. ``alone`` as in :class:`Open`, and answered as that is."""

    stream: int
    point: ResumePoint | None
    alone: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Submit:
    """Host → worker: one window of a stream. ``deadline`` is when frame ``k`` is to be sent;
    ``epoch`` counts the stream's rewinds."""

    stream: int
    epoch: int
    k: int
    hop: int
    pcm: Pcm
    deadline: float
    submitted: float

    @property
    def lookahead(self) -> int:
        """Blocks of ``pcm`` behind its hop."""
        return len(self.pcm) // BLOCK_SAMPLES - self.hop

    @property
    def silent(self) -> bool:
        """Whether there is nothing to be heard in it."""
        return not self.pcm.any()


@dataclass(frozen=True, slots=True)
class Rewind:
    """Host → worker: the last frame shown was ``shown_k``; what came after it was never seen. Where that frame was made
    by the worker before, ``point`` is the point to go on from."""

    stream: int
    epoch: int
    shown_k: int
    point: ResumePoint | None = None


@dataclass(frozen=True, slots=True)
class Close:
    """Host → worker: forget a stream."""

    stream: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Host → worker: end after the step under way."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Within the worker: the portrait of ``opening`` is ready, and ``ready`` is to be opened in its place, with a
    portrait that holds the backdrop where the generator cannot do that; or ``refused`` says why it cannot be."""

    opening: Open
    ready: Open
    refused: Refused | None


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a worker takes that is loaded: ``memory`` of the machine, ``device_memory`` of its device, of which
    ``device_free`` is left then. All in GB; None where there is no device but the processor, or it does not say."""

    memory: float
    device_memory: float | None = None
    device_free: float | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """Worker → host: the generator is there, its steps take what ``profile`` says, and the ring has ``slots`` slots.
    ``info.looks`` are all backgrounds that a stream can have, also those that are composed into its portrait."""

    info: GeneratorInfo
    slots: int
    profile: Profile
    footprint: Footprint
    spec: EngineSpec
    """What it was really made of: one of the alternatives, where the rest is too slow here."""
    warming_up: bool = False
    """Whether :class:`Profiled` follows, once nobody has been there for a few seconds."""


@dataclass(frozen=True, slots=True)
class Profiled:
    """Worker → host: the generator has become faster since :class:`Ready`, and takes more memory."""

    info: GeneratorInfo
    profile: Profile
    footprint: Footprint


@dataclass(frozen=True, slots=True)
class Failed:
    """Worker → host, last words: no generator could be made, or it cannot go on."""

    error: LiveheadError
    trace: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Worker → host: alive at ``at``; ``busy_since`` is when the step or open under way began."""

    at: float
    busy_since: float | None


@dataclass(frozen=True, slots=True)
class Opened:
    """Worker → host: the stream is open. It goes on from the frame of block ``shown_k``, where that is None from its
    portrait."""

    stream: int
    shown_k: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Worker → host: the stream could not be opened."""

    stream: int
    error: LiveheadError
    trace: str


@dataclass(frozen=True, slots=True)
class FramesReady:
    """Worker → host: ``hop`` frames from block ``k`` on lie in the ring at ``position``, each in ``span`` slots. They
    are those of one window, or of several that followed one another and were stepped as one, first ``submitted`` then.
    ``batch`` windows shared the step, of which this one was number ``place``, from 0."""

    stream: int
    epoch: int
    k: int
    hop: int
    position: int
    submitted: float
    started: float
    done: float
    batch: int
    span: int = 1
    place: int = 0


@dataclass(frozen=True, slots=True)
class Dropped:
    """Worker → host: the windows of these ``hop`` blocks from ``k`` on give no frames."""

    stream: int
    epoch: int
    k: int
    hop: int
    reason: DropReason


@dataclass(frozen=True, slots=True)
class Rewound:
    """Worker → host: the stream goes on from the frame of block ``shown_k``. A rewind that a newer one replaced is not
    answered."""

    stream: int
    shown_k: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Worker → host: a call into the generator failed, and the worker goes on. ``streams`` were in it."""

    call: str
    streams: tuple[int, ...]
    error: str
    trace: str = field(repr=False)


ToWorker: TypeAlias = Start | Open | Resume | Submit | Rewind | Close | Stop | Prepared
ToHost: TypeAlias = Ready | Profiled | Failed | Heartbeat | Opened | Refused | FramesReady | Dropped | Rewound | Fault
