"""One session's stream at the engine, as the session sees it."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import BLOCK_S
from livehead.core.frame import Frame
from livehead.core.windows import Window
from livehead.engine.base import Backdrop, GeneratorInfo
from livehead.engine.delivered_frames import DeliveredFrames
from livehead.engine.host.recent_waits import RecentWaits
from livehead.engine.host.status import EngineState
from livehead.engine.host.window_figures import WindowFigures
from livehead.engine.ipc.message_queue import MessageQueue
from livehead.engine.ipc.messages import Close, DropReason, FramesReady, Open, Resume, Rewind, Submit
from livehead.engine.resume_point import ResumePoint
from livehead.errors import EngineDownError, LiveheadError


@dataclass(frozen=True, slots=True)
class WindowTiming:
    """When a window was submitted, when its step started and when its frames lay in shared memory
    (``time.monotonic()`` seconds), and how many streams shared the step. ``usual`` is how many seconds the windows of
    all streams took lately: see :class:`~livehead.engine.host.recent_waits.RecentWaits`."""

    submitted: float
    started: float
    done: float
    batch: int
    usual: float = 0.0


OnFrames: TypeAlias = Callable[[int, list[Frame], WindowTiming], None]
"""``(k, frames, timing)``: the frames of blocks ``k``, ``k + 1``, …"""

OnDropped: TypeAlias = Callable[[int, int], None]
"""``(k, hop)``: there will be no frames for blocks ``k`` to ``k + hop - 1``."""

StreamState: TypeAlias = EngineState | Literal["failed"]

OnState: TypeAlias = Callable[[StreamState], None]
"""``down`` when the stream's worker is lost, ``ready`` when it is open again, ``failed`` for good: it is taken to be
what workers are lost of. Not called for the first opening."""

MOST_LOSSES = 3
"""Workers in a row that ended in a step of this stream alone, without a frame from it in between: no other shall. Two
may have been lost of the same window, which is handed over once."""


class StreamObserver:
    """Is told what the worker has really done with a stream, in the order in which it did it, at once and on the event
    loop. Does nothing with it."""

    def on_reopened(self, shown_k: int | None) -> None:
        """It was opened once more, and goes on from the frame of block ``shown_k``, or begins anew from the portrait
        where that is None."""

    def on_stepped(self, k: int, hop: int, batch: int, place: int) -> None:
        """The frames of blocks ``k`` to ``k + hop - 1`` were made, even if nobody wants them any more: those of one
        window, or of several that were stepped as one. ``batch`` streams shared the step, of which it was number
        ``place``, from 0."""

    def on_rewound(self, shown_k: int) -> None:
        """It goes on from the frame of block ``shown_k``."""


class EngineStream:
    """FramesReady by :meth:`EngineHost.open`. All methods are for the event loop's thread, none of them waits,
    and all callbacks come on the event loop, never from inside a call.

    Every window that :meth:`submit` took is answered exactly once: by ``on_frames`` or by ``on_dropped``.

    With the ``info`` of its generator it can go on in another worker from the frames that it delivered last. One in the
    ``background`` always begins anew.
    """

    def __init__(
        self,
        stream: int,
        portrait: NDArray[np.uint8],
        seed: int,
        *,
        info: GeneratorInfo | None = None,
        background: bool = False,
        backdrop: Backdrop | None = None,
        on_frames: OnFrames,
        on_state: OnState | None,
        on_dropped: OnDropped | None,
        dropped: Counter[str],
        figures: WindowFigures | None = None,
        waits: RecentWaits | None = None,
        on_closed: Callable[[int], None],
    ) -> None:
        self.id = stream
        self.state: StreamState = "starting"
        self.observer = StreamObserver()
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._portrait = portrait
        self._seed = seed
        self._backdrop = backdrop
        self.background = background
        self._on_frames = on_frames
        self._on_state = on_state
        self._on_dropped = on_dropped
        self._dropped = dropped
        self._figures = WindowFigures() if figures is None else figures
        self._waits = RecentWaits() if waits is None else waits
        self._submitted = float("-inf")  # the window that was answered last
        self._on_closed = on_closed
        self._outbox: MessageQueue | None = None
        self._epoch = 0
        self._waiting: dict[tuple[int, int], Submit] = {}
        self._delivered = None if info is None or background else DeliveredFrames(info)
        self._resumed_k: int | None = None
        """The last frame that the worker knows but has not made."""
        self._resumes_when_open = False
        self._taken_over_at = -math.inf
        self._suspected = False
        self._losses = 0
        self._closed = False

    @property
    def opening(self) -> Open:
        """What opens it at its beginning."""
        return Open(self.id, self._portrait, self._seed, self._backdrop, background=self.background)

    @property
    def due(self) -> float:
        """When the first frame that was asked for and has not come is to be sent; infinite where there is none."""
        return min((window.deadline for window in self._waiting.values()), default=math.inf)

    def submit(self, window: Window, deadline: float) -> bool:
        """Hand a window over; ``deadline`` is when the frame of block ``window.k`` is to be sent.

        False where it was not taken, because the engine is down or the stream is closed. When more
        than the host's ``backlog`` of windows wait, the oldest is dropped. ``k`` is only a label.
        """
        if self._outbox is None or self.state != "ready" or self._closed:
            return False
        message = Submit(self.id, self._epoch, window.k, window.hop, window.pcm, deadline, time.monotonic())
        self._waiting[self._epoch, window.k] = message
        if not self.background:
            self._figures.asked += 1
        dropped = self._outbox.put(message)
        if dropped is not None:
            self.drop(dropped.epoch, dropped.k, dropped.hop, "full")
        return True

    def rewind(self, shown_k: int) -> None:
        """Go on from the frame of block ``shown_k``, the last one shown: whatever was asked for and has not
        come yet is dropped, and the generator forgets what it made after that frame."""
        self._drop_all("rewound")
        self._epoch += 1
        point: ResumePoint | None = None
        if self._delivered is not None:
            self._delivered.rewind(shown_k)
            if self._resumed_k is not None and shown_k <= self._resumed_k:
                point = self._resume_point()
        if self._outbox is not None and self.state == "ready":
            self._outbox.put(Rewind(self.id, self._epoch, shown_k, point))

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
        outbox.put(replace(self.opening, resume=self._resume_point(), alone=self._suspected))

    def go_on(self, outbox: MessageQueue, *, opened: bool | None) -> None:
        """Another worker takes over. ``opened``: the stream is open there, or was to be opened; None where that worker
        does not know it. It is down only until it is open."""
        if not self.opened.done() or self.opened.exception() is not None:
            self.detach("its worker was lost while it was opened")
        elif opened:
            self._outbox = outbox
            outbox.put(Resume(self.id, self._resume_point(), self._suspected))
        else:
            self.detach("it is opened again")
            if opened is None:
                self.attach(outbox)
            else:
                self._outbox, self._resumes_when_open = outbox, True

    def submit_again(self, reason: DropReason | None) -> None:
        """Hand over to the worker that took over what the one before has not answered; what was handed over again
        before, or all where there is a ``reason``, is dropped."""
        for (epoch, k), window in list(self._waiting.items()):
            if reason is not None or window.submitted < self._taken_over_at or self._outbox is None:
                self.drop(epoch, k, window.hop, reason or "down")
            else:
                self._outbox.put(window)
        self._taken_over_at = time.monotonic()

    def detach(self, reason: str) -> None:
        """The worker is lost, and all its work with it."""
        if not self.opened.done():
            self.opened.set_exception(EngineDownError(f"the engine went down: {reason}"))
        self._outbox = None
        self._resumes_when_open = False
        self._drop_all("down")
        self._change("down")

    def blame(self, *, alone: bool) -> bool:
        """A worker was lost in a call for this stream, and for no other where it was ``alone``. Whether that makes it
        fail: then nothing is made for it any more."""
        self._suspected = True
        self._losses += alone
        if self._losses < MOST_LOSSES:
            return False
        self.detach(f"{self._losses} workers were lost in its steps")
        self._change("failed")
        return True

    def confirm(self, shown_k: int | None = None) -> None:
        """The worker has opened the stream, which goes on from the frame of block ``shown_k``."""
        if self._resumes_when_open and self._outbox is not None:
            self._resumes_when_open = False
            self._outbox.put(Resume(self.id, self._resume_point(), self._suspected))
        elif self.opened.done():
            if shown_k is None:
                self._begin_anew()
            self.observer.on_reopened(shown_k)
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

    def _resume_point(self) -> ResumePoint | None:
        point = None if self._delivered is None else self._delivered.point()
        self._resumed_k = None if point is None else point.k
        return point

    def _begin_anew(self) -> None:
        self._resumed_k = None
        if self._delivered is not None:
            self._delivered.begin_anew()

    def _change(self, state: StreamState) -> None:
        if state != self.state:
            self.state = state
            if self._on_state is not None:
                self._call(self._on_state, state)

    def deliver(self, ready: FramesReady, frames: list[Frame]) -> None:
        """Frames have arrived. Those asked for before a rewind are told as dropped already."""
        self.observer.on_stepped(ready.k, ready.hop, ready.batch, ready.place)
        self._call(self._hand_over, ready, frames)

    def _hand_over(self, ready: FramesReady, frames: list[Frame]) -> None:
        self._suspected, self._losses = False, 0
        answered = self._answered(ready.epoch, ready.k, ready.hop)
        if not self.background:
            self._figures.answered([window for _, window in answered], ready)
        for k, window in answered:
            # Of windows that come at once, as where speech begins, all but the first wait for the others:
            # that says nothing of how long frames take.
            together = window.submitted - self._submitted < window.hop * BLOCK_S / 2
            self._submitted = window.submitted
            if not (self.background or window.silent or together):
                self._waits.note(ready.done - window.submitted, ready.done)
            usual = self._waits.usual(ready.done)
            timing = WindowTiming(window.submitted, ready.started, ready.done, ready.batch, usual)
            own = frames[k - ready.k :][: window.hop]
            if self._delivered is not None:
                self._delivered.keep(k, own, window.pcm)
            self._on_frames(k, own, timing)

    def drop(self, epoch: int, k: int, hop: int, reason: DropReason) -> None:
        """The windows of blocks ``k`` to ``k + hop - 1`` give no frames."""
        if reason == "ring":
            self.observer.on_stepped(k, hop, 1, 0)  # with how many others is not known
        for window_k, window in self._answered(epoch, k, hop):
            self._dropped[reason] += 1
            if self._on_dropped is not None:
                self._call(self._on_dropped, window_k, window.hop)

    def _answered(self, epoch: int, k: int, hop: int) -> list[tuple[int, Submit]]:
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
