"""One session's stream at the engine, as the session sees it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from livehead.core.frame import Frame
from livehead.core.windows import Window
from livehead.engine.base import Backdrop
from livehead.engine.host.status import EngineState
from livehead.engine.ipc.message_queue import MessageQueue
from livehead.engine.ipc.messages import Close, DropReason, FramesReady, Open, Rewind, Submit
from livehead.errors import EngineDownError, LiveheadError


@dataclass(frozen=True, slots=True)
class WindowTiming:
    """When a window was submitted, when its step started and when its frames lay in shared memory
    (``time.monotonic()`` seconds), and how many streams shared the step."""

    submitted: float
    started: float
    done: float
    batch: int


OnFrames: TypeAlias = Callable[[int, list[Frame], WindowTiming], None]
"""``(k, frames, timing)``: the frames of blocks ``k``, ``k + 1``, …"""

OnDropped: TypeAlias = Callable[[int, int], None]
"""``(k, hop)``: there will be no frames for blocks ``k`` to ``k + hop - 1``."""

OnState: TypeAlias = Callable[[EngineState], None]
"""``down`` when the stream's worker is lost, ``ready`` when it is open again. Not called for the first opening."""


class StreamObserver:
    """Is told what the worker has really done with a stream, in the order in which it did it, at once and on the event
    loop. Does nothing with it."""

    def on_reopened(self) -> None:
        """It was opened once more, and begins anew from the portrait."""

    def on_stepped(self, k: int, hop: int, batch: int, place: int) -> None:
        """The frames of blocks ``k`` to ``k + hop - 1`` were made, even if nobody wants them any more: those of one
        window, or of several that were stepped as one. ``batch`` streams shared the step, of which it was number
        ``place``, from 0."""

    def on_rewound(self, shown_k: int) -> None:
        """It goes on from the frame of block ``shown_k``."""


class _Waiting(NamedTuple):
    """A window without an answer."""

    hop: int
    submitted: float


class EngineStream:
    """FramesReady by :meth:`EngineHost.open`. All methods are for the event loop's thread, none of them waits,
    and all callbacks come on the event loop, never from inside a call.

    Every window that :meth:`submit` took is answered exactly once: by ``on_frames`` or by ``on_dropped``.
    """

    def __init__(
        self,
        stream: int,
        portrait: NDArray[np.uint8],
        seed: int,
        *,
        background: bool = False,
        backdrop: Backdrop | None = None,
        on_frames: OnFrames,
        on_state: OnState | None,
        on_dropped: OnDropped | None,
        dropped: Counter[str],
        on_closed: Callable[[int], None],
    ) -> None:
        self.id = stream
        self.state: EngineState = "starting"
        self.observer = StreamObserver()
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._portrait = portrait
        self._seed = seed
        self._backdrop = backdrop
        self._background = background
        self._on_frames = on_frames
        self._on_state = on_state
        self._on_dropped = on_dropped
        self._dropped = dropped
        self._on_closed = on_closed
        self._outbox: MessageQueue | None = None
        self._epoch = 0
        self._waiting: dict[tuple[int, int], _Waiting] = {}
        self._closed = False

    def submit(self, window: Window, deadline: float) -> bool:
        """Hand a window over; ``deadline`` is when the frame of block ``window.k`` is to be sent.

        False where it was not taken, because the engine is down or the stream is closed. When more
        than the host's ``backlog`` of windows wait, the oldest is dropped. ``k`` is only a label.
        """
        if self._outbox is None or self.state != "ready" or self._closed:
            return False
        message = Submit(self.id, self._epoch, window.k, window.hop, window.pcm, deadline, time.monotonic())
        self._waiting[self._epoch, window.k] = _Waiting(window.hop, message.submitted)
        dropped = self._outbox.put(message)
        if dropped is not None:
            self.drop(dropped.epoch, dropped.k, dropped.hop, "full")
        return True

    def rewind(self, shown_k: int) -> None:
        """Go on from the frame of block ``shown_k``, the last one shown: whatever was asked for and has not
        come yet is dropped, and the generator forgets what it made after that frame."""
        self._drop_all("rewound")
        self._epoch += 1
        if self._outbox is not None and self.state == "ready":
            self._outbox.put(Rewind(self.id, self._epoch, shown_k))

    async def close(self) -> None:
        """Forget the stream. Nothing is called back afterwards. Twice is once."""
        if self._closed:
            return
        self._closed = True
        if self._outbox is not None:
            self._outbox.put(Close(self.id))
        self._on_closed(self.id)

    # What the host tells the stream.

    def attach(self, outbox: MessageQueue) -> None:
        """A worker is there: ask it to open the stream, again if need be."""
        self._outbox = outbox
        outbox.put(Open(self.id, self._portrait, self._seed, self._backdrop, background=self._background))

    def detach(self, reason: str) -> None:
        """The worker is lost, and all its work with it."""
        if not self.opened.done():
            self.opened.set_exception(EngineDownError(f"the engine went down: {reason}"))
        self._outbox = None
        self._drop_all("down")
        self._change("down")

    def confirm(self) -> None:
        """The worker has opened the stream."""
        if self.opened.done():
            self.observer.on_reopened()
            self._change("ready")
        else:
            self.state = "ready"
            self.opened.set_result(None)

    def refuse(self, error: LiveheadError) -> bool:
        """The worker could not open the stream. False where it had been open before: that may pass."""
        if self.opened.done():
            return False
        self.opened.set_exception(error)
        return True

    def _change(self, state: EngineState) -> None:
        if state != self.state:
            self.state = state
            if self._on_state is not None:
                self._call(self._on_state, state)

    def deliver(self, ready: FramesReady, frames: list[Frame]) -> None:
        """Frames have arrived. Those asked for before a rewind are told as dropped already."""
        self.observer.on_stepped(ready.k, ready.hop, ready.batch, ready.place)
        self._call(self._hand_over, ready, frames)

    def _hand_over(self, ready: FramesReady, frames: list[Frame]) -> None:
        for k, window in self._answered(ready.epoch, ready.k, ready.hop):
            timing = WindowTiming(window.submitted, ready.started, ready.done, ready.batch)
            first = k - ready.k
            self._on_frames(k, frames[first : first + window.hop], timing)

    def drop(self, epoch: int, k: int, hop: int, reason: DropReason) -> None:
        """The windows of blocks ``k`` to ``k + hop - 1`` give no frames."""
        if reason == "ring":
            self.observer.on_stepped(k, hop, 1, 0)  # with how many others is not known
        for window_k, window in self._answered(epoch, k, hop):
            self._dropped[reason] += 1
            if self._on_dropped is not None:
                self._call(self._on_dropped, window_k, window.hop)

    def _answered(self, epoch: int, k: int, hop: int) -> list[tuple[int, _Waiting]]:
        """Of these blocks the windows that were still waiting, with their first blocks: they are not any more."""
        found = [(each, self._waiting.pop((epoch, each), None)) for each in range(k, k + hop)]
        return [(each, window) for each, window in found if window is not None]

    def _drop_all(self, reason: DropReason) -> None:
        for (epoch, k), window in list(self._waiting.items()):
            self.drop(epoch, k, window.hop, reason)

    def _call(self, callback: Callable[..., None], *args: object) -> None:
        self._loop.call_soon(self._run, callback, args)

    def _run(self, callback: Callable[..., None], args: tuple[object, ...]) -> None:
        if not self._closed:
            callback(*args)
