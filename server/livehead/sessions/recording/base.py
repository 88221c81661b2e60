"""What a session tells of itself to whoever keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from livehead.core.identity import Identity
from livehead.core.look import Look
from livehead.core.playout.tick import Tick
from livehead.core.windows import Window
from livehead.engine.base import Backdrop, GeneratorInfo
from livehead.sessions.request import SessionRequest


@dataclass(frozen=True, slots=True, eq=False)
class OpenedStream:
    """A stream of the engine, as it was opened. ``portrait`` is uint8 ``(H, W, 3)`` RGB; ``backdrop`` is its
    look with what that names, None where it keeps its background."""

    stream: int
    avatar: str
    portrait: NDArray[np.uint8]
    seed: int
    look: Look
    backdrop: Backdrop | None = None


@dataclass(frozen=True, slots=True)
class RecordingStatus:
    """``state`` is ``waiting`` before anything was sent, then that of
    :class:`~livehead.store.recordings.recording.Recording`. ``on`` says that what is sent is kept, or will be."""

    id: str
    state: Literal["waiting", "recording", "done", "cut-short", "failed"]
    on: bool


class Recorder(Protocol):
    """One session's. Everything but :meth:`close` is called on the event loop, in the order in which it happens, and
    returns at once: what it takes longer for belongs to a thread or a process of its own, behind a bounded queue.
    Nothing raises: a recording that fails ends by itself, says so in the log, and harms no session.

    ``quantized`` says that the samples that are submitted must be whole 16-bit ones, so that they can be kept exactly.
    """

    quantized: bool

    @property
    def status(self) -> RecordingStatus | None:
        """How far the recording is, None where there is none."""
        ...

    def opened(self, stream: OpenedStream) -> None:
        """A stream was opened; it makes frames from its first window on."""
        ...

    def submitted(self, stream: int, window: Window) -> None:
        """The engine was given a window of a stream."""
        ...

    def made(self, stream: int, k: int, hop: int, batch: int, place: int) -> None:
        """The engine made the frames of blocks ``k`` to ``k + hop - 1``, wanted or not, from one window or from several
        as one, in a step of ``batch`` streams as number ``place``, from 0. Of the windows that were submitted and for
        which this never comes, it made none."""
        ...

    def rewound(self, stream: int, shown_k: int) -> None:
        """The engine took a stream back to the frame of block ``shown_k``. Of one stream, this, :meth:`made` and
        :meth:`reopened` come in the order in which the engine did them."""
        ...

    def reopened(self, stream: int, shown_k: int | None) -> None:
        """The engine lost its worker, or failed at a stream. That goes on from the frame of block ``shown_k``, or anew,
        as it was opened, where that is None."""
        ...

    def interrupted(self) -> None:
        """What was not sent yet is dropped."""
        ...

    def sent(self, tick: Tick) -> None:
        """What the viewers were sent, before a test pattern or a mark is drawn into it."""
        ...

    async def close(self) -> None:
        """The session is over. Returns when all that was kept is on the disk. Twice is once."""
        ...


class NoRecorder:
    """Keeps nothing."""

    quantized = False

    @property
    def status(self) -> RecordingStatus | None:
        return None

    def opened(self, stream: OpenedStream) -> None:
        pass

    def submitted(self, stream: int, window: Window) -> None:
        pass

    def made(self, stream: int, k: int, hop: int, batch: int, place: int) -> None:
        pass

    def rewound(self, stream: int, shown_k: int) -> None:
        pass

    def reopened(self, stream: int, shown_k: int | None) -> None:
        pass

    def interrupted(self) -> None:
        pass

    def sent(self, tick: Tick) -> None:
        pass

    async def close(self) -> None:
        pass


class Recorders(Protocol):
    """Makes them."""

    def make(self, session: str, request: SessionRequest, opened_by: Identity, info: GeneratorInfo) -> Recorder:
        """The recorder of a session that is being opened. It keeps nothing before the session is served. Raises
        ConflictError where its owner has too many recordings, and DiskFullError."""
        ...
