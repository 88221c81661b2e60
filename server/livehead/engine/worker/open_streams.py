"""The streams that the generator has open, and what can be done to one of them."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from livehead.engine.base import Frames, Generator, Work
from livehead.engine.ipc.endpoint import Endpoint
from livehead.engine.ipc.messages import Fault, Open, Opened, Rewind, Submit
from livehead.engine.look import open_stream
from livehead.engine.worker.faults import describe, refusal
from livehead.engine.worker.frame_history import FrameHistory


@dataclass(slots=True)
class OpenStream:
    """``opening`` is what the stream was opened with, ``state`` the generator's part of it. ``faults`` counts its steps
    that failed in a row. ``stepped`` says whether there was a step since it was opened or rewound."""

    opening: Open
    state: Any
    history: FrameHistory
    faults: int = 0
    stepped: bool = False


class OpenStreams:
    """Calls the generator, one call at a time. A call that fails is told to the host and raises nothing, except for
    :meth:`step`."""

    def __init__(self, generator: Generator, endpoint: Endpoint) -> None:
        self._generator = generator
        self._info = generator.info
        self._endpoint = endpoint
        self._streams: dict[int, OpenStream] = {}

    def __contains__(self, stream: int) -> bool:
        return stream in self._streams

    def __getitem__(self, stream: int) -> OpenStream:
        return self._streams[stream]

    def open(self, opening: Open) -> bool:
        """Open a stream and tell the host how that went."""
        try:
            with self._endpoint.busy():
                state = open_stream(self._generator, opening.portrait, opening.seed, opening.backdrop)
        except Exception as error:  # noqa: BLE001 - any generator, any error; the host is told
            self._endpoint.send(refusal(opening, error))
            return False
        self._streams[opening.stream] = OpenStream(opening, state, FrameHistory(self._info))
        self._endpoint.send(Opened(opening.stream))
        return True

    def close(self, stream: int) -> None:
        """Forget a stream. Does nothing for one that is not open."""
        closed = self._streams.pop(stream, None)
        if closed is not None:
            self._guard("close", stream, lambda: self._generator.close(closed.state))

    def reopen(self, stream: int) -> bool:
        """Begin again from the portrait. False where that failed: the stream is no longer open then."""
        opening = self._streams[stream].opening
        self.close(stream)
        return self.open(opening)

    def rewind(self, message: Rewind) -> bool:
        """Go on from the last frame shown. Where none was, or the generator fails, that is the portrait. False where
        the stream is no longer open afterwards.

        Without a step since the last time there is nothing to take back, and the generator is not called.
        """
        stream = self._streams[message.stream]
        if not stream.stepped and not stream.history.reaches_past(message.shown_k):
            return True
        rewound = stream.history.rewind(message.shown_k)
        if rewound is None or not self._guard(
            "rewind", message.stream, lambda: self._generator.rewind(stream.state, *rewound)
        ):
            return self.reopen(message.stream)
        stream.stepped = False
        return True

    def step(self, batch: Sequence[Submit]) -> tuple[list[Frames], float]:
        """The frames of each window, and when the step began. Raises whatever the generator raises."""
        streams = [self._streams[window.stream] for window in batch]
        work = [Work(stream.state, window.pcm, window.hop) for stream, window in zip(streams, batch, strict=True)]
        for stream in streams:
            stream.stepped = True
        with self._endpoint.busy() as started:
            frames = self._generator.step(work)
        for stream, window, made in zip(streams, batch, frames, strict=True):
            stream.history.keep(window.k, made)
            stream.faults = 0
        return frames, started

    def _guard(self, name: str, stream: int, call: Callable[[], None]) -> bool:
        try:
            with self._endpoint.busy():
                call()
        except Exception as error:  # noqa: BLE001 - any generator, any error; the host is told
            self._endpoint.send(Fault(name, (stream,), describe(error), traceback.format_exc()))
            return False
        return True
