"""A session's hold on one engine stream: the stream of one avatar."""

from __future__ import annotations

import asyncio
from typing import Self

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import BLOCK_S
from livehead.core.frame import Frame
from livehead.core.windows import Window
from livehead.engine.base import Backdrop
from livehead.engine.host.host import EngineHost, EngineStream, OnState, StreamObserver, WindowTiming
from livehead.sessions.pacer import Pacer
from livehead.sessions.recording.base import Recorder

RETIRE_S = 2.0
"""A stream that was replaced is closed after this long, whether or not its last frames have come."""


class EngineAttachment(StreamObserver):
    """Hands windows to the engine and its frames to the pacer. ``waiting`` counts the windows without an answer."""

    def __init__(self, pacer: Pacer, recorder: Recorder) -> None:
        self.stream: EngineStream | None = None
        self.waiting = 0
        self._pacer = pacer
        self._recorder = recorder

    @classmethod
    async def open(
        cls,
        host: EngineHost,
        portrait: NDArray[np.uint8],
        seed: int,
        backdrop: Backdrop | None,
        pacer: Pacer,
        recorder: Recorder,
        on_state: OnState,
    ) -> Self:
        """Portrait: uint8 ``(H, W, 3)`` RGB; without a ``backdrop`` it keeps its background. Raises what
        :meth:`EngineHost.open` raises."""
        attachment = cls(pacer, recorder)
        attachment.stream = await host.open(
            portrait, seed, attachment.on_frames, on_state, attachment.on_dropped, backdrop=backdrop
        )
        attachment.stream.observer = attachment
        return attachment

    def submit(self, window: Window, deadline: float) -> bool:
        """``deadline`` is when the frame of block ``window.k`` is to be sent. False where the engine does not take it:
        it is down."""
        if self.stream is None or not self.stream.submit(window, deadline):
            return False
        self.waiting += 1
        self._recorder.submitted(self.stream.id, window)
        return True

    def rewind(self, shown_k: int) -> None:
        """Go on from the frame of block ``shown_k``."""
        if self.stream is not None:
            self.stream.rewind(shown_k)

    async def retire(self) -> None:
        """Close the stream once the frames under way have come: they are still to be shown."""
        try:
            for _ in range(round(RETIRE_S / BLOCK_S)):
                if self.waiting <= 0:
                    break
                await asyncio.sleep(BLOCK_S)
        finally:
            await self.close()

    async def close(self) -> None:
        """Twice is once. The stream goes, and with it the frames that it keeps."""
        stream, self.stream = self.stream, None
        if stream is not None:
            await stream.close()

    def on_frames(self, k: int, frames: list[Frame], timing: WindowTiming) -> None:
        """The stream made frames."""
        self.waiting -= 1
        self._pacer.push_frames(k, frames, timing)

    def on_dropped(self, k: int, hop: int) -> None:
        """The stream will not make the frames of blocks ``k … k + hop - 1``."""
        self.waiting -= 1
        if self.stream is not None and self.stream.state == "ready":
            self._pacer.push_missing(k)
        elif not self._pacer.ahead.gave_up(k):
            self._pacer.ahead.lose(k)

    def on_stepped(self, k: int, hop: int, batch: int, place: int) -> None:
        """The worker made the frames of a window, or of several."""
        if self.stream is not None:
            self._recorder.made(self.stream.id, k, hop, batch, place)

    def on_rewound(self, shown_k: int) -> None:
        """The worker took the stream back."""
        if self.stream is not None:
            self._recorder.rewound(self.stream.id, shown_k)

    def on_reopened(self, shown_k: int | None) -> None:
        """A worker opened the stream once more."""
        if self.stream is not None:
            self._recorder.reopened(self.stream.id, shown_k)
