"""Events into the bodies of EVENTS records: what a writer needs to know of the ones before, and nothing of files.

Every number is told as its difference from what was to be expected, so that nearly all of them are zeros. A block of
audio is told once, and once more where it turns out to be another than was foreseen: a window that was cut short by a
discontinuity had silence in the place of what then came.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from livehead.core.block import Pcm
from livehead.core.windows import Window
from livehead.media.audio.flac import Samples, encode_flac
from livehead.replay.blocks import KeptBlocks, split, to_samples
from livehead.replay.events import Opened
from livehead.replay.varints import put, put_bytes, put_signed
from livehead.replay.waiting import Waiting

HEAD = struct.Struct("<III")
"""Of an unpacked body: blocks of audio, bytes of FLAC frames, FLAC frames. The frames' lengths follow, the frames, and
then the events."""


class Code(IntEnum):
    BLOCKS = 1
    OPENED = 2
    REOPENED = 3
    SUBMITTED = 4
    MADE = 5
    REWOUND = 6
    INTERRUPTED = 7
    HELD = 8
    SENT = 9
    MADE_AS_ONE = 10
    RESUMED = 11
    MADE_OLDER = 12


@dataclass(slots=True)
class Expected:
    """The next block that is told, the next window of a stream and the next that is made, and what the next tick
    carries."""

    block: int = 0
    window: int = 0
    made: int = 0
    index: int = 0
    k: int = 0


class EventEncoder:
    """Collects events until :meth:`take`. Samples are quantized ones."""

    def __init__(self) -> None:
        self._next = Expected()
        self._kept = KeptBlocks()
        self._events = bytearray()
        self._samples: list[Samples] = []
        self._hops: Waiting[int] = Waiting()
        self._rewound: set[int] = set()
        """Streams of which no older windows are made any more."""

    @property
    def blocks(self) -> int:
        """Of audio, since the last :meth:`take`."""
        return len(self._samples)

    @property
    def size(self) -> int:
        """Of the events since then, in bytes."""
        return len(self._events)

    def opened(self, event: Opened) -> None:
        self._put(Code.OPENED, event.stream, event.image, event.seed)
        put_bytes(self._events, event.avatar.encode())
        put_bytes(self._events, event.background.encode())
        put(self._events, 0 if event.picture is None else event.picture + 1)

    def reopened(self, stream: int, shown_k: int | None) -> None:
        if shown_k is None:
            self._put(Code.REOPENED, stream)
        else:
            self._put(Code.RESUMED, stream)
            put_signed(self._events, shown_k - self._next.k)

    def submitted(self, stream: int, window: Window) -> None:
        self._tell(window.k, window.pcm)
        self._put(Code.SUBMITTED, stream)
        put_signed(self._events, window.k - self._next.window)
        put(self._events, window.hop)
        put(self._events, window.lookahead)
        self._next.window = window.k + window.hop
        if self._hops.get(stream, window.k) is not None:
            self._rewound.discard(stream)
        self._hops.add(stream, window.k, window.hop)

    def made(self, stream: int, k: int, hop: int, batch: int, place: int) -> None:
        """Nothing is told of windows that were submitted too long ago. Of two that begin with the same block, a stream
        makes the older one before it is taken back, if at all."""
        runs = {older: self._run(stream, k, hop, older=older) for older in (True, False)}
        older = bool(runs[True]) and not (runs[False] and stream in self._rewound)
        run = runs[older]
        if not run:
            return
        for each in run:
            self._hops.take(stream, each, older=older)
        code = Code.MADE_OLDER if older else Code.MADE if len(run) == 1 else Code.MADE_AS_ONE
        self._put(code, stream)
        put_signed(self._events, k - self._next.made)
        put(self._events, batch - 1)
        put(self._events, place)
        if code != Code.MADE:
            put(self._events, len(run))
        self._next.made = k + hop

    def _run(self, stream: int, k: int, hop: int, *, older: bool) -> list[int]:
        """The first blocks of the windows that begin with block ``k`` and have ``hop`` blocks together."""
        run, end = list[int](), k
        while end < k + hop and (following := self._hops.get(stream, end, older=older)) is not None:
            run.append(end)
            end += following
        return run if end == k + hop else []

    def rewound(self, stream: int, shown_k: int) -> None:
        self._rewound.add(stream)
        self._put(Code.REWOUND, stream)
        put_signed(self._events, shown_k - self._next.k)

    def interrupted(self) -> None:
        self._put(Code.INTERRUPTED)

    def sent(self, index: int, k: int | None, frame_k: int | None, pcm: Pcm) -> None:
        """A tick; ``pcm`` is silence where ``k`` is None."""
        following = self._next
        if k is not None:
            self._tell(k, pcm)
        self._put(Code.HELD if k is None else Code.SENT, index - following.index)
        following.index = index + 1
        if k is not None:
            put_signed(self._events, k - following.k)
            following.k = k + 1
        put_signed(self._events, 0 if frame_k is None else _away_from_0(frame_k - following.k))

    def take(self) -> bytes:
        """The body of the record of everything since the last time."""
        frames = encode_flac(np.concatenate(self._samples)) if self._samples else []
        body = bytearray(HEAD.pack(len(self._samples), sum(map(len, frames)), len(frames)))
        for frame in frames:
            put(body, len(frame))
        body += b"".join(frames) + self._events
        self._samples.clear()
        self._events.clear()
        return zlib.compress(bytes(body))

    def _put(self, code: Code, *numbers: int) -> None:
        self._events.append(code)
        for number in numbers:
            put(self._events, number)

    def _tell(self, first: int, pcm: Pcm) -> None:
        """These are blocks ``first``, ``first + 1``, …: those that are not known as such are told."""
        told: list[tuple[int, Samples]] = []
        for k, samples in enumerate(split(to_samples(pcm)), first):
            if not self._kept.has(k, samples):
                self._kept.keep(k, samples)
                told.append((k, samples))
        while told:
            run = next((i for i in range(1, len(told)) if told[i][0] != told[0][0] + i), len(told))
            self._put(Code.BLOCKS)
            put_signed(self._events, told[0][0] - self._next.block)
            put(self._events, run)
            self._next.block = told[0][0] + run
            self._samples += [samples for _, samples in told[:run]]
            del told[:run]


def _away_from_0(difference: int) -> int:
    """0 says that there is no frame."""
    return difference + 1 if difference >= 0 else difference
