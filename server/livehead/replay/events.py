"""What happened in a session, as a replay file tells it, in the order in which it happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from livehead.core.block import Pcm
from livehead.core.windows import Window


@dataclass(frozen=True, slots=True)
class Opened:
    """A stream was opened. ``image`` counts the pictures of the file, as its portrait; ``background`` is the look's,
    ``picture`` the one that is put behind the portrait, if any."""

    stream: int
    image: int
    seed: int
    avatar: str
    background: str = "keep"
    picture: int | None = None


@dataclass(frozen=True, slots=True)
class Reopened:
    """The engine opened a stream anew. It goes on from the frame of block ``shown_k``, or from its portrait where that
    is None."""

    stream: int
    shown_k: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Submitted:
    """The engine was given a window."""

    stream: int
    window: Window


@dataclass(frozen=True, slots=True)
class Made:
    """The engine made the frames of the window of block ``k``, in a step of ``batch`` streams as number ``place``, from
    0; or those of so many ``windows``, which follow one another from there on, as of one. ``older``: of two windows of
    the same block, one of which was submitted after a rewind, it is the other."""

    stream: int
    k: int
    batch: int = 1
    place: int = 0
    windows: int = 1
    older: bool = False


@dataclass(frozen=True, slots=True)
class Rewound:
    """The engine went back to the frame of block ``shown_k``."""

    stream: int
    shown_k: int


@dataclass(frozen=True, slots=True)
class Interrupted:
    """What had not been sent was dropped."""


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """A tick: ``index`` is its media time in blocks. ``pcm``, float32 ``(640,)``, are the samples of block ``k``, or
    silence where that is None. ``frame_k`` is the block of the frame that went with it, None before the first one."""

    index: int
    k: int | None
    frame_k: int | None
    pcm: Pcm


Event: TypeAlias = Opened | Reopened | Submitted | Made | Rewound | Interrupted | Sent
