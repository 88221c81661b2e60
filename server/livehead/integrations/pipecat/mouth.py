"""What the bot says, on its way to the portrait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from livehead.client import ClientError, Session
from livehead.integrations.pipecat.utterance import Utterance

PAUSE_S = 0.5
"""Audio that belongs to no utterance of a TTS service is over when none came for so long after its end."""

BEGIN_S = 2.0
"""How long speech may take to begin."""

LOOK_S = 0.1


class Mouth:
    """Of one session. ``on_started`` is called when the portrait begins to speak, ``on_stopped`` when it has nothing
    more to say; ``on_error`` when speech was lost. To be closed on the loop it was made on."""

    def __init__(
        self,
        head: Session,
        on_started: Callable[[], Awaitable[None]],
        on_stopped: Callable[[], Awaitable[None]],
        on_error: Callable[[Exception], Awaitable[None]],
    ) -> None:
        self._head = head
        self._on_started = on_started
        self._on_stopped = on_stopped
        self._on_error = on_error
        self._current: Utterance | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending = 0
        self._speaking = False
        self._pause: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> bool:
        """Whether anything is being said, or waits to be."""
        return self._pending > 0

    @property
    def speaking(self) -> bool:
        """Whether the portrait speaks."""
        return self._speaking

    async def hear(self, audio: bytes, rate: int, channels: int, *, ends_by_itself: bool) -> None:
        """Speak this, too. Without ``ends_by_itself`` the utterance lasts until :meth:`end`. Waits while the server
        has enough. Raises ClientError where it cannot be spoken; what is left of an utterance that was interrupted is
        dropped."""
        if not audio:
            return
        utterance = self._current
        if utterance is None or utterance.rate != rate:
            await self.end()
            utterance = Utterance(rate)
            utterance.playback = await self._head.speak(utterance.pieces(), rate)
            self._current = utterance
            self._pending += 1
            task = asyncio.create_task(self._watch(utterance), name="pipecat-playback")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await utterance.put(audio, channels)
        self._expect_more(len(audio) / (2 * channels * rate) if ends_by_itself else None)

    async def end(self) -> None:
        """The utterance is complete."""
        self._expect_more(None)
        utterance, self._current = self._current, None
        if utterance is not None:
            await utterance.end()

    async def interrupt(self) -> None:
        """Drop what is not spoken yet, and wait until the server has. Raises ClientError."""
        self._expect_more(None)
        self._current = None
        if self.busy:
            await self._head.interrupt()

    async def finish(self) -> None:
        """Wait until everything is spoken, or for :data:`BEGIN_S` where it does not begin: nobody views it then."""
        await self.end()
        waited_until = asyncio.get_running_loop().time() + BEGIN_S
        while self.busy and (self._speaking or asyncio.get_running_loop().time() < waited_until):
            await asyncio.wait(set(self._tasks), timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)

    async def close(self) -> None:
        """Twice is once."""
        self._expect_more(None)
        self._current = None
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _watch(self, utterance: Utterance) -> None:
        playback = utterance.playback
        assert playback is not None
        try:
            await playback.started()
            if not playback.done and not self._speaking:
                self._speaking = True
                await self._on_started()
            await playback.finished()
        except ClientError as error:
            await self._on_error(error)
        finally:
            self._pending -= 1
        if self._pending == 0 and self._speaking:
            self._speaking = False
            await self._on_stopped()

    def _expect_more(self, seconds: float | None) -> None:
        """End the utterance unless more of it comes soon after these ``seconds`` of it; None waits for ever."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if seconds is not None:
            self._pause = asyncio.get_running_loop().call_later(seconds + PAUSE_S, self._on_pause)

    def _on_pause(self) -> None:
        task = asyncio.create_task(self.end(), name="pipecat-end")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
