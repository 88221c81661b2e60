"""The sound of a session as it was heard, without gaps, and which portrait belongs to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from livehead.core.block import BLOCK_SAMPLES, Pcm
from livehead.replay.events import Event, Interrupted, Opened, Sent, Submitted

MAX_WINDOWS = 256
"""Windows whose blocks may still be heard."""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """40 ms: ``pcm`` is float32 ``(640,)``. ``portrait`` is the stream that was to show it. ``interrupted`` says that
    what came before was cut off here."""

    index: int
    pcm: Pcm
    portrait: Opened
    interrupted: bool


def as_heard(events: Iterator[Event]) -> Iterator[Heard]:
    """One for every tick, and silence for those that the server missed. A tick whose block no window has, as while the
    engine was down, belongs to the portrait before it, or to the first one."""
    streams: dict[int, Opened] = {}
    windows: deque[tuple[int, int, int]] = deque(maxlen=MAX_WINDOWS)  # first block, the one past the last, stream
    portrait: Opened | None = None
    expected: int | None = None
    interrupted = False
    for event in events:
        match event:
            case Opened():
                streams[event.stream] = event
                portrait = portrait or event
            case Submitted():
                windows.append((event.window.k, event.window.k + event.window.hop, event.stream))
            case Interrupted():
                interrupted = True
            case Sent():
                if event.k is not None:
                    k = event.k
                    stream = next((stream for first, end, stream in reversed(windows) if first <= k < end), None)
                    portrait = portrait if stream is None else streams.get(stream, portrait)
                if portrait is None:
                    continue
                for index in range(event.index if expected is None else expected, event.index):
                    yield Heard(index, np.zeros(BLOCK_SAMPLES, np.float32), portrait, interrupted=interrupted)
                    interrupted = False
                yield Heard(event.index, event.pcm, portrait, interrupted=interrupted)
                interrupted = False
                expected = event.index + 1
