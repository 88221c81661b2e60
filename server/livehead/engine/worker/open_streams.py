"""The streams that the generator has open, and what can be done to one of them."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from livehead.engine.base import Frames, Generator, SpoiltError, Work
from livehead.engine.ipc.endpoint import Endpoint
from livehead.engine.ipc.messages import Fault, Open, Opened, Refused, Resume, Rewind, Rewound, Submit
from livehead.engine.look import open_stream
from livehead.engine.resume_point import ResumePoint
from livehead.engine.worker.faults import describe, refusal
from livehead.engine.worker.frame_history import FrameHistory
from livehead.engine.worker.resuming import resume
from livehead.engine.worker.usable import check_count, checked
from livehead.errors import EngineError


@dataclass(slots=True)
class OpenStream:
    """``opening`` is what the stream was opened with, ``state`` the generator's part of it. ``faults`` counts its steps
    that failed in a row, also before it was opened anew. ``stepped`` says whether there was a step since it was opened
    or rewound."""

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

    def __len__(self) -> int:
        return len(self._streams)

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
        # A point to go on from is of use once, and large.
        self._streams[opening.stream] = OpenStream(replace(opening, resume=None), state, FrameHistory(self._info))
        return self._begin(opening.stream, opening.resume)

    def resume(self, message: Resume) -> bool:
        """Let a stream that is open go on where another worker left it, and tell the host how that went."""
        if message.stream not in self._streams:
            self._endpoint.send(Refused(message.stream, EngineError("the stream is not open"), ""))
            return False
        return self._begin(message.stream, message.point)

    def _begin(self, stream: int, point: ResumePoint | None) -> bool:
        """Where a generator cannot go on, it begins with the portrait."""
        if point is not None and not self._go_on(stream, point):
            return self.reopen(stream)
        self._endpoint.send(Opened(stream, None if point is None else point.k))
        return True

    def _go_on(self, number: int, point: ResumePoint) -> bool:
        stream = self._streams[number]
        stream.stepped = False
        return self._guard("resume", number, lambda: resume(self._generator, stream.state, stream.history, point))

    def close(self, stream: int) -> None:
        """Forget a stream. Does nothing for one that is not open."""
        closed = self._streams.pop(stream, None)
        if closed is not None:
            self._guard("close", stream, lambda: self._generator.close(closed.state))

    def reopen(self, stream: int) -> bool:
        """Begin again from the portrait. False where that failed: the stream is no longer open then."""
        before = self._streams[stream]
        self.close(stream)
        if not self.open(before.opening):
            return False
        self._streams[stream].faults = before.faults
        return True

    def give_up(self, stream: int, error: Exception) -> None:
        """Close a stream whose steps fail, and tell the host."""
        self.close(stream)
        refused = EngineError(f"its steps fail while those of others do well: {describe(error)}")
        self._endpoint.send(Refused(stream, refused, ""))

    def rewind(self, message: Rewind) -> bool:
        """Go on from the last frame shown. Where none was, or the generator fails, that is the portrait. False where
        the stream is no longer open afterwards.

        Without a step since the last time there is nothing to take back, and the generator is not called.
        """
        stream = self._streams[message.stream]
        if not stream.stepped and not stream.history.reaches_past(message.shown_k):
            return True
        if message.point is not None:
            return self._go_on(message.stream, message.point) or self.reopen(message.stream)
        rewound = stream.history.rewind(message.shown_k)
        if rewound is None or not self._guard(
            "rewind", message.stream, lambda: self._generator.rewind(stream.state, *rewound)
        ):
            return self.reopen(message.stream)
        stream.stepped = False
        return True

    def take_back(self, window: Submit) -> Rewound | None:
        """The step of this window spoilt its stream: go on from the last frame before it, or where the generator fails
        at that, from the portrait. None where the stream was opened anew, or is no longer open."""
        stream = self._streams[window.stream]
        last = stream.history.last_k
        shown = None if last is None else stream.history.rewind(last)
        if last is None or shown is None:
            self.reopen(window.stream)
            return None
        rgb, _ = shown
        if not self._guard("rewind", window.stream, lambda: self._generator.rewind(stream.state, rgb, window.hop)):
            self.reopen(window.stream)
            return None
        stream.stepped = False
        return Rewound(window.stream, last)

    def step(self, batch: Sequence[Submit]) -> tuple[list[Frames | EngineError], float]:
        """The frames of each window, or why there are none of this one, and when the step began. Raises whatever the
        generator raises for all of them."""
        streams = [self._streams[window.stream] for window in batch]
        work = [Work(stream.state, window.pcm, window.hop) for stream, window in zip(streams, batch, strict=True)]
        for stream in streams:
            stream.stepped = True
        with self._endpoint.busy() as started:
            try:
                frames: Sequence[Frames | None] = self._generator.step(work)
            except SpoiltError as error:
                frames = error.frames
        check_count(frames, batch)
        return [self._keep(*each) for each in zip(streams, batch, frames, strict=True)], started

    def _keep(self, stream: OpenStream, window: Submit, frames: Frames | None) -> Frames | EngineError:
        backdrop = stream.opening.backdrop
        transparent = backdrop is not None and backdrop.kind == "transparent"
        try:
            made = checked(frames, window, self._info, halves=2 if transparent else 1)
        except EngineError as error:
            return error
        stream.history.keep(window.k, made)
        stream.faults = 0
        return made

    def _guard(self, name: str, stream: int, call: Callable[[], None]) -> bool:
        try:
            with self._endpoint.busy():
                call()
        except Exception as error:  # noqa: BLE001 - any generator, any error; the host is told
            self._endpoint.send(Fault(name, (stream,), describe(error), traceback.format_exc()))
            return False
        return True
